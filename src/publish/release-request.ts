/** What is to be published, before anything is known of the server. */
export interface ReleaseRequest {
  readonly version: string;
  readonly notes?: string | undefined;
  /** To be registered for the app; left as it is when absent. */
  readonly slug?: string | undefined;
  /** Extension `channel`: whom it is for; everyone when absent. */
  readonly channel?: string | undefined;
  /** Extension `draft`: upload, and leave it to somebody to take it live. */
  readonly draft?: boolean;
  /** Extension `expect`: names of the platforms that it goes live with. */
  readonly expect?: readonly string[] | undefined;
  /** Publish a pre-release into the stable channel. */
  readonly allowPrerelease: boolean;
  /** Publish a version that is lower than what is live. */
  readonly allowLower?: boolean;
  /** Publish what is signed with another key than the release before. */
  readonly allowKeyChange?: boolean;
}

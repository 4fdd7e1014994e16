/** The CI systems that give their jobs identity tokens, by how these describe a job; Gitea's are like Forgejo's. */
export const PROVIDERS = ['github', 'gitlab', 'forgejo'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** The issuers of the hosted services; any other is named by the operator. */
export const HOSTED_ISSUERS: Readonly<Partial<Record<Provider, string>>> = {
  github: 'https://token.actions.githubusercontent.com',
  gitlab: 'https://gitlab.com',
};

/** A workflow of a repository that may publish an app without a stored token. */
export interface TrustedPublisher {
  readonly id: string;
  readonly appId: string;
  readonly provider: Provider;
  readonly issuer: string;
  readonly repository: string; // `owner/name`, or the path of a project in GitLab
  /** Of the repository, and of its owner: numbers that are never given to another. Null until its first job is known. */
  readonly repositoryId: string | null;
  readonly ownerId: string | null;
  readonly workflow: string; // the path of its file in the repository
  readonly environment: string | null; // null: any, or none
  /** Patterns of which the job's ref, like `refs/tags/v1.0.0`, has to match one; none: any branch or tag. */
  readonly refs: readonly string[];
  readonly protectedRefs: boolean;
  readonly channels: readonly string[]; // into which it may publish; none: all
  readonly createdAt: number; // milliseconds since 1970
}

/** Milliseconds for which a token is valid that a job got for its identity. */
export const TRUSTED_TOKEN_LIFE_MS = 15 * 60 * 1000;

/** What identity tokens for a server are issued for: its origin, so that one is of no use at another server. */
export function audienceOf(server: URL): string {
  return server.origin;
}

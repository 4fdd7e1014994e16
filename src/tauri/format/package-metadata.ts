/** What a Linux package says about itself. */
export interface PackageMetadata {
  readonly name: string;
  readonly version: string; // of a deb with epoch and revision, of an rpm without the release
  readonly arch: string; // in the words of the package system: `amd64`, `armhfp`, `all`
}

/** What a package for Linux says of itself, as it stands there. */
export interface PackageData {
  readonly name: string;
  /** With the epoch and revision of a Debian package, without the release of an RPM. */
  readonly version: string;
  /** In the words of its system: `amd64`, `armhfp`, `all`. */
  readonly arch: string;
}

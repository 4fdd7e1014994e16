import { EXTENSIONS } from '../../../src/protocol/extensions.ts';
import type { ReleaseResponse } from '../../../src/protocol/messages.ts';
import { platformName } from '../../../src/protocol/platform.ts';
import type { LocalArtifact } from '../../../src/publish/inspect/local-artifact.ts';
import type { ReleaseRequest } from '../../../src/publish/release-request.ts';
import type { ServerState } from '../../../src/publish/server-state/server-state.ts';
import { LINUX } from '../tauri/local-file.ts';

/*
 * The input of a plan, without files and servers.
 */

export const REQUEST: ReleaseRequest = { version: '1.2.0', allowPrerelease: false };
/** Our server, with nothing published. */
export const OURS: ServerState = {
  extensions: new Set(EXTENSIONS),
  slug: 'my-app',
  releases: [],
  stored: new Map(),
};
/** A server that knows api.md only. */
export const BASE: ServerState = { ...OURS, extensions: new Set(), slug: undefined };

/** A release as a server lists it. */
export function release(version: string, fields: Partial<ReleaseResponse> = {}): ReleaseResponse {
  return { id: `id-of-${version}`, version, ...fields };
}

/** A file that was inspected. */
export function artifact(platform = LINUX, fields: Partial<LocalArtifact> = {}): LocalArtifact {
  const name = platformName(platform);
  return {
    ...platform,
    file: `${name}.bin`,
    size: 7,
    sha256: 'a'.repeat(64),
    signature: `sig of ${name}`,
    ...fields,
  };
}

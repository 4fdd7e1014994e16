import type { Issue } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { closeKinds } from '../../protocol/routing/default-kinds.ts';
import {
  type AppFiles,
  describeStranding,
  type Stranding,
  strandedVersions,
} from '../../protocol/routing/stranded-versions.ts';
import { embeddedKeys } from '../../protocol/routing/update-steps.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';
import {
  appFilesOf,
  type RoutedReleaseFields,
  recordedKindsOf,
  type SignedFile,
  withRelease,
} from '../server-state/app-files.ts';
import { mayBeInstalled, type ServerState, supports } from '../server-state/server-state.ts';
import { highestLive, keyIdsOf } from './previous-release.ts';

/** A release that goes live, or gets more files while it is live. */
export interface GoingLive extends RoutedReleaseFields {
  /** All that it has then, besides those that are live already. */
  readonly files: readonly SignedFile[];
}

/** What overrides these refusals, for hints. */
const ANYWAY = 'pass --allow-stranding to leave them behind';

/**
 * The versions that would have no way to the highest release any more, as one issue. Without key information, and for
 * servers that offer only the highest release, the key of the previous one decides. Pure.
 */
export function strandingIssues(going: GoingLive, server: ServerState): Issue[] {
  if (!supports(server, 'key-routing')) return keyChangeIssues(going, server);
  const before = appFilesOf(server);
  const files = closeKinds(going.files, recordedKindsOf(going.version, server));
  const after = withRelease(before, going, files);
  const strandings = strandedVersions(before, after);
  if (strandings.length > 0) return [wouldStrand(going, strandings, after)];
  const isKeyKnown = after.known.some(({ embeddedKeyId }) => embeddedKeyId !== undefined);
  return isKeyKnown ? [] : keyChangeIssues(going, server);
}

function wouldStrand(going: GoingLive, strandings: readonly Stranding[], after: AppFiles): Issue {
  const { version, requires, files } = going;
  const signing = signingKeyIdOf(files[0]?.signature);
  const stranded = new Set(strandings.flatMap(({ versions }) => versions));
  const carried = embeddedKeys(after.known)
    .filter((known) => stranded.has(precedenceOf(known.version)))
    .map(({ embeddedKeyId }) => embeddedKeyId)
    .filter((id) => id !== undefined && id !== signing);
  const keys = [...new Set(carried)].join(' and ');
  const signed = signing === undefined ? '' : `, signed with key ${signing},`;
  const message = `${version}${signed} would leave apps behind: ${describeStranding(strandings)}`;
  return issue(message, `${adviceOn({ keys, signing, requires })}; or ${ANYWAY}.`);
}

/** @param keys those that the stranded versions carry, where it is keys that strand them */
function adviceOn({
  keys,
  signing,
  requires,
}: {
  readonly keys: string;
  readonly signing: string | undefined;
  readonly requires: string | null | undefined;
}): string {
  if (keys !== '')
    return `Sign it with ${keys}, which they carry, or first publish a release for them that is signed with ${keys} and carries ${signing ?? 'the next key'}`;
  if (typeof requires === 'string')
    return `First publish a release that they can take, of ${requires} or higher, or lower --requires`;
  return 'First publish a release that leads them on';
}

/**
 * The public key is built into apps: unless that one handed over to another, they reject what is not signed
 * with the key of the release before. Signatures in another format than minisign's are ignored.
 */
function keyChangeIssues(going: GoingLive, server: ServerState): Issue[] {
  const { version, files } = going;
  const previous = previousKeys(going, server);
  if (previous === undefined) return [];
  const { version: last, known } = previous;
  const ids = files.map(({ signature }) => signingKeyIdOf(signature));
  const changed = [...new Set(ids.filter((id) => id !== undefined && !known.has(id)))].join(', ');
  if (changed === '') return [];
  const before = [...known].join(', ');
  const signed = `signed with key ${changed}, but ${last} was signed with ${before}`;
  const stranded = `apps that carry ${before} would have no way to ${version}`;
  if (supports(server, 'key-routing')) {
    const carries = `first publish a release that is signed with ${before} and carries ${changed} (\`--embedded-pubkey\` says so where it is not read from a project)`;
    return [
      issue(`${signed}: ${stranded}`, `Sign it with ${before}. To change keys, ${carries}; or ${ANYWAY}.`),
    ];
  }
  const message = `${signed}, and this server offers only the highest release, not the one that hands over to ${changed}: ${stranded}`;
  const hint =
    `Sign it with ${before}, wait until all apps carry ${changed} and pass --allow-stranding, or use a server with ` +
    'the extension key-routing, which leads each app over the release that hands over.';
  return [issue(message, hint)];
}

interface PreviousKeys {
  readonly version: string;
  /** The ids of the keys that it is signed with. */
  readonly known: ReadonlySet<string>;
}

/** Of the highest live release; where none is live, of the highest version that apps may still be on. */
function previousKeys(going: GoingLive, server: ServerState): PreviousKeys | undefined {
  const { version, channel = STABLE } = going;
  const withKeys = server.releases.filter((release) => mayBeInstalled(release) && keyIdsOf(release).size > 0);
  const live = highestLive(withKeys, going);
  if (live !== undefined) return { version: live.version, known: keyIdsOf(live) };
  const withdrawn = appFilesOf(server).known.filter(
    (file) =>
      file.signingKeyId !== undefined &&
      [STABLE, channel].includes(file.channel) &&
      precedenceOf(file.version) !== precedenceOf(version),
  );
  const [highest] = withdrawn.toSorted((a, b) => compareVersions(b.version, a.version));
  if (highest === undefined) return undefined;
  const same = withdrawn.filter((file) => precedenceOf(file.version) === precedenceOf(highest.version));
  const ids = same.map(({ signingKeyId }) => signingKeyId).filter((id) => id !== undefined);
  return { version: highest.version, known: new Set(ids) };
}

function issue(message: string, hint: string): Issue {
  return { id: 'release.would_strand', code: 'preflight_refused', message, hint };
}

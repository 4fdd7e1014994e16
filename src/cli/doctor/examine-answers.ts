import { elsewhereWarning } from '../../client/handed-out-url.ts';
import { hasStatus, OtaError } from '../../errors.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { formatKeyId, type PublicKey, parseSignature, signedVersionOf } from '../../protocol/minisign.ts';
import { type Platform, parsePlatform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { LOWEST_VERSION } from '../../protocol/version.ts';
import { checkForUpdate, elsewhereUrl, onlyLocalBecause } from '../../publish/verify/update-check.ts';
import { mapConcurrently } from '../../runtime/map-concurrently.ts';
import type { Remote } from '../wiring/connect.ts';
import type { ExaminedProject } from './examine-project.ts';
import { unreachable } from './examine-server.ts';
import { type Finding, mergeSystems } from './finding.ts';

const CONCURRENCY = 4;

export interface ExamineAnswersOptions {
  readonly slug: string;
  readonly channel: string | undefined;
  readonly platforms: readonly Platform[];
  readonly project: Pick<ExaminedProject, 'key' | 'requiresSignedVersion'>;
  /** Extension `key-routing`: where old versions get what they can verify, another key is a handover. */
  readonly hasKeyRouting: boolean;
}

type PlatformFinding = Finding & { readonly system: string };

/**
 * What the oldest installed app of each platform is answered, by old and by new updaters: those before plugin 2.10 do not
 * say how they were installed.
 */
export async function examineAnswers(remote: Remote, options: ExamineAnswersOptions): Promise<Finding[]> {
  const { platforms } = options;
  const asked = platforms.map((platform) => ({ ...options, platform }));
  const answers = await mapConcurrently(asked, (each) => examinePlatform(remote, each), {
    concurrency: CONCURRENCY,
  });
  const unknown = answers.find(({ isUnknownSlug }) => isUnknownSlug);
  if (unknown !== undefined) return [...unknown.findings];
  const isEmpty = answers.every(({ isOffered, findings }) => !isOffered && findings.length === 0);
  const findings = answers.flatMap(({ findings }) => findings);
  return [...(isEmpty ? [nothingOffered(options)] : []), ...mergeSystems(findings, platforms.length)];
}

interface PlatformResponse {
  readonly findings: readonly PlatformFinding[];
  readonly isOffered: boolean;
  readonly isUnknownSlug?: boolean;
}

async function examinePlatform(
  remote: Remote,
  options: ExamineAnswersOptions & { readonly platform: Platform },
): Promise<PlatformResponse> {
  const { platform, slug, channel, project } = options;
  const system = platformName(platform);
  const app = { ...platform, slug, channel, currentVersion: LOWEST_VERSION };
  try {
    const result = await checkForUpdate(remote, app);
    if (result.kind === 'no_update') return { findings: [], isOffered: false };
    const { update, file } = result;
    const found = [
      ...placeFindings(update, remote.client.server),
      ...signatureFindings(file.signature, project, options),
      ...kindFindings(update, platform),
    ];
    return { findings: found.map((finding) => ({ ...finding, system })), isOffered: true };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code === 'interrupted') throw error;
    const isUnknownSlug = hasStatus(error, 404);
    const finding = isUnknownSlug ? unknownSlug(slug) : unusable(error, remote.client.server);
    return { findings: [{ ...finding, system }], isOffered: false, isUnknownSlug };
  }
}

function unknownSlug(slug: string): Finding {
  return {
    id: 'app.unknown_slug',
    code: 'usage',
    cause: `the server has no app with the slug ${slug}, which installed apps ask for`,
    fix: 'Register it with `synckit-ota publish slug`, or correct the endpoint; the first `publish` registers it too.',
  };
}

function unusable(error: OtaError, server: URL): Finding {
  const { code, message: cause, hint: fix = 'Correct the release on the server.' } = error;
  if (code === 'network') return unreachable(error, server);
  return { id: 'app.unusable_update', code, cause, fix };
}

function nothingOffered({ slug, platforms }: ExamineAnswersOptions): Finding {
  return {
    id: 'app.no_release',
    code: undefined,
    cause: `no version of ${slug} is offered to anyone (asked for ${platforms.map(platformName).join(', ')})`,
    fix: 'Publish a release; `synckit-ota releases list` shows drafts and what was yanked.',
  };
}

function placeFindings(update: UpdateResponse, server: URL): Finding[] {
  const fix = 'Start the server with --public-url set to the address that its users reach.';
  const reason = onlyLocalBecause(update, server);
  if (reason !== undefined) {
    const cause = `installed apps cannot download ${update.version}: ${reason}`;
    return [{ id: 'server.public_url', code: 'verification_failed', cause, fix }];
  }
  const url = elsewhereUrl(update, server);
  return url === undefined
    ? []
    : [{ id: 'server.public_url', code: undefined, cause: elsewhereWarning(url, server), fix }];
}

function signatureFindings(
  text: string,
  { key, requiresSignedVersion }: ExamineAnswersOptions['project'],
  { hasKeyRouting }: ExamineAnswersOptions,
): Finding[] {
  const signature = parseSignature(text);
  if (signature.kind === 'malformed') {
    return [
      {
        id: 'app.unusable_update',
        code: 'verification_failed',
        cause: `the signature of what is offered ${signature.reason}: the updater refuses it`,
        fix: 'Yank the release, and publish one that is signed with `tauri signer sign`.',
      },
    ];
  }
  const findings: Finding[] = [];
  if (requiresSignedVersion && signedVersionOf(signature) === undefined) {
    findings.push({
      id: 'app.unbound_signature',
      code: 'preflight_refused',
      cause:
        'the project sets requireSignedVersion, but the signature of what is offered names no version: its apps refuse it',
      fix: 'Build with Tauri CLI 2.11.5 or later, which signs the version too, and publish that.',
    });
  }
  if (key !== undefined && !key.keyId.equals(signature.keyId)) {
    findings.push(otherKey(key, formatKeyId(signature.keyId), hasKeyRouting));
  }
  return findings;
}

function otherKey(key: PublicKey, signing: string, hasKeyRouting: boolean): Finding {
  const id = formatKeyId(key.keyId);
  return {
    id: 'app.other_key',
    code: hasKeyRouting ? undefined : 'preflight_refused',
    cause: `the oldest apps are offered a file signed with ${signing}, but the project's builds carry ${id}`,
    fix: hasKeyRouting
      ? 'If the key was changed, this is right: the release hands over to the new one. Else sign with the key of the project.'
      : `This server offers everyone the same file: sign with ${id}, or put the key of ${signing} into the project.`,
  };
}

/** An updater that does not say how it was installed takes the main kind. */
function kindFindings({ version, platforms = {} }: UpdateResponse, platform: Platform): Finding[] {
  const kinds = Object.keys(platforms)
    .map(parsePlatform)
    .filter((named) => named !== undefined)
    .filter((named) => platformName(withoutBundleType(named)) === platformName(platform))
    .flatMap(({ bundleType }) => bundleType ?? []);
  if (kinds.length < 2) return [];
  return [
    {
      id: 'app.bundle_types',
      code: undefined,
      cause: `${version} has ${kinds.join(', ')} for one platform: apps with tauri-plugin-updater before 2.10 do not say how they were installed, and all take the first`,
      fix: 'If such apps are installed in several ways, lead each to an endpoint of its own kind; docs/publishing/bundles.md shows how.',
    },
  ];
}

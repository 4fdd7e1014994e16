import type { OtaErrorCode } from '../../errors.ts';
import type { Issue } from '../../issue.ts';

/** What `doctor` can find. They are stable: scripts read them, and docs/reference/doctor.md lists them. */
export const FINDING_IDS = [
  'project.not_found',
  'project.unreadable',
  'project.no_updater',
  'project.no_pubkey',
  'project.private_key',
  'project.unreadable_pubkey',
  'project.keys_differ',
  'project.no_endpoints',
  'project.endpoint_placeholders',
  'project.http_endpoint',
  'project.invalid_certificates',
  'project.no_updater_artifacts',
  'server.unknown',
  'server.unreachable',
  'server.certificate',
  'server.failing',
  'server.redirect',
  'server.in_front',
  'server.clock',
  'server.public_url',
  'app.endpoint_mismatch',
  'app.unknown_slug',
  'app.no_release',
  'app.unusable_update',
  'app.other_key',
  'app.unbound_signature',
  'app.bundle_types',
  'app.stranded_versions',
  'token.refused',
  'token.scope',
  'token.trusted_only',
  'token.expires',
] as const;
export type FindingId = (typeof FINDING_IDS)[number];

/** Something that keeps installed apps from their updates, or may. */
export interface Finding {
  readonly id: FindingId;
  /** What the command ends with; undefined for a warning. */
  readonly code: OtaErrorCode | undefined;
  /** A sentence without its full stop. */
  readonly cause: string;
  /** What the person can do, in whole sentences. */
  readonly fix: string;
}

/** What something that `publish` refuses too is here. */
export function findingOf({ code, message, hint }: Omit<Issue, 'id'>, id: FindingId): Finding {
  return { id, code, cause: message, fix: hint };
}

/** Findings that are the same for several systems become one, which names these unless it holds for all. */
export function mergeSystems(
  found: readonly (Finding & { readonly system: string })[],
  systems: number,
): Finding[] {
  const groups = Map.groupBy(found, ({ id, cause, fix }) => JSON.stringify([id, cause, fix]));
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const { system: _, ...finding } = first;
    const names = [...new Set([first, ...others].map(({ system }) => system))];
    const cause = names.length < systems ? `${finding.cause} (for ${names.join(', ')})` : finding.cause;
    return [{ ...finding, cause }];
  });
}

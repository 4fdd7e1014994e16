import type { Issue } from '../../issue.ts';
import { allows, describeScope, type NeededScope, type Scope } from '../../protocol/access/scope.ts';
import type { ServerState } from '../server-state/server-state.ts';

/** How long before its end a stored token is warned of, in milliseconds. */
const EXPIRY_NOTICE_MS = 14 * 24 * 3_600_000;

/** In words, where a stored token expires soon. @param expiresAt RFC 3339; null: never */
export function expiryNotice(expiresAt: string | null | undefined, now: number): string | undefined {
  const end = Date.parse(expiresAt ?? '');
  if (!(end - now < EXPIRY_NOTICE_MS)) return undefined;
  return `the token expires on ${new Date(end).toISOString().slice(0, 10)}`;
}

/** What a publish is going to do. */
export interface PlannedWrites {
  readonly channel: string;
  /** Register a slug: the app's first, or another one. */
  readonly slug: 'first' | 'another' | undefined;
  /** Create a release, add files to it or complete what it says. */
  readonly upload: boolean;
  /** Take it live, or have that happen by itself. */
  readonly goLive: boolean;
  /** Delete it again if something fails. */
  readonly rollBack: boolean;
}

const TRUSTED_ONLY: Issue = {
  id: 'server.trusted_only',
  code: 'unauthorized',
  message: 'the app accepts no stored tokens for publishing, only jobs that it trusts',
  hint: 'Publish from such a job, without a token: `synckit-ota apps trust APP` on the server lists them.',
};

/** A token that may do one part would leave the others: a slug that is registered for ever, and no release. */
export function scopeIssues(
  { channel, slug, upload, goLive, rollBack }: PlannedWrites,
  { scopes, approval, trustedOnly }: Pick<ServerState, 'scopes' | 'approval' | 'trustedOnly'>,
): Issue[] {
  if (scopes === undefined) return [];
  const isShutOut = trustedOnly && !allows(scopes, { scope: 'release:upload' });
  if (isShutOut && (upload || (goLive && !approval))) return [TRUSTED_ONLY];
  const ofSlug: Scope =
    slug === 'another' || allows(scopes, { scope: 'app:admin' }) ? 'app:admin' : 'release:publish';
  const needed: [isNeeded: boolean, needed: NeededScope, purpose: string][] = [
    [upload, { scope: 'release:upload', channel }, 'to upload'],
    [goLive, { scope: 'release:publish', channel }, 'to go live'],
    // Without a slug an app has no channels that matter: the right in one of them is enough.
    [slug !== undefined && !(goLive && ofSlug !== 'app:admin'), { scope: ofSlug }, 'to register the slug'],
    [rollBack, { scope: 'release:delete', channel }, 'for --rollback-on-failure'],
  ];
  return needed
    .filter(([isNeeded, scope]) => isNeeded && !allows(scopes, scope))
    .map(([, scope, purpose]) => ({
      id: 'server.token_scope',
      code: 'unauthorized',
      message: `the token lacks the scope ${describeScope(scopes, scope)}, which is needed ${purpose}`,
      hint: hintFor(scope.scope, { mayStayDraft: upload }),
    }));
}

function hintFor(scope: Scope, { mayStayDraft }: { readonly mayStayDraft: boolean }): string {
  const create = `Use a token that has it too: \`tokens create --scope ${scope}\` with its other scopes, on the server.`;
  if (scope === 'release:publish' && mayStayDraft)
    return `${create} Or leave it a draft with --draft, for \`publish finish\`.`;
  return scope === 'release:delete' ? `${create} Or leave --rollback-on-failure out.` : create;
}

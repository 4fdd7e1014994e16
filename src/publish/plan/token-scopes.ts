import type { Issue } from '../../issue.ts';
import type { Scope } from '../../protocol/token.ts';
import type { ServerState } from '../server-state/server-state.ts';

/** What a publish is going to write. */
export interface PlannedWrites {
  readonly slug: boolean;
  readonly release: boolean;
}

/** A token that may do one half would leave the other: a slug that is registered for ever, and no release. */
export function scopeIssues(
  { slug, release }: PlannedWrites,
  { scopes }: Pick<ServerState, 'scopes'>,
): Issue[] {
  const needed: [needed: boolean, scope: Scope, purpose: string][] = [
    [slug, 'app:admin', 'to register the slug'],
    [release, 'release:write', 'to publish'],
  ];
  if (scopes === undefined) return [];
  return needed
    .filter(([isNeeded, scope]) => isNeeded && !scopes.includes(scope))
    .map(([, scope, purpose]) => ({
      id: 'server.token_scope',
      code: 'unauthorized',
      message: `the token lacks the scope ${scope}, which is needed ${purpose}`,
      hint: `Use a token with that scope: \`tokens create --scope ${scope}\` on the server.`,
    }));
}

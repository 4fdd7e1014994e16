import type { Release } from '../../database/queries/releases.ts';
import type { NeededScope, Scope } from '../../protocol/access/scope.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { CreateReleaseRequest, UpdateReleaseRequest } from '../../protocol/messages.ts';

/**
 * What a request to create a release takes. One that does not stay a draft goes live by itself; where the app requires
 * approval all stay drafts.
 */
export function scopesToCreate(
  { channel = STABLE, draft = false, expect, allow_stranding }: CreateReleaseRequest,
  { approval }: { readonly approval: boolean },
): NeededScope[] {
  const goesLive = !approval && (!draft || expect !== undefined);
  const decidesGoingLive = goesLive || allow_stranding === true;
  return scopesIn(channel, 'release:upload', ...(decidesGoingLive ? (['release:publish'] as const) : []));
}

/** What a request to change a release takes: the uploader of a draft may complete it, but not change what is live. */
export function scopesToChange(
  { status, channel }: Pick<Release, 'status' | 'channel'>,
  change: UpdateReleaseRequest,
): NeededScope[] {
  const isDraft = status === 'draft';
  const needed: [isNeeded: boolean, scope: Scope][] = [
    [change.status !== undefined, 'release:yank'],
    [changesPolicy(change), isDraft ? 'release:upload' : 'release:edit'],
    [change.notes !== undefined, isDraft ? 'release:upload' : 'release:edit'],
    [change.embedded_pubkey !== undefined, scopeToRecordKey(isDraft, change)],
    [allowsForLater(change), 'release:publish'],
    [change.rollout !== undefined, isDraft ? 'release:upload' : 'release:publish'],
    [change.paused !== undefined, 'release:yank'], // as a pause withdraws it, for a time
    [change.auto_pause !== undefined, 'release:yank'],
  ];
  return scopesIn(channel, ...needed.filter(([isNeeded]) => isNeeded).map(([, scope]) => scope));
}

/** To move a release between channels takes rights in both. Apps of the old one lose it, unless it is for everyone then. */
export function scopesToPromote(from: string, to: string): NeededScope[] {
  return [
    ...scopesIn(
      from,
      'release:publish',
      ...(to === from || to === STABLE ? [] : (['release:yank'] as const)),
    ),
    ...scopesIn(to, 'release:publish'),
  ];
}

/** Which key a live build carries decides what its version is offered. */
function scopeToRecordKey(isDraft: boolean, { replace_embedded_pubkey }: UpdateReleaseRequest): Scope {
  if (isDraft) return 'release:upload';
  return replace_embedded_pubkey === true ? 'release:edit' : 'release:publish';
}

function changesPolicy({ mandatory, minimum_system_version }: UpdateReleaseRequest): boolean {
  return mandatory !== undefined || minimum_system_version !== undefined;
}

/** Otherwise it is part of another change. */
function allowsForLater({ allow_stranding, status, embedded_pubkey }: UpdateReleaseRequest): boolean {
  return allow_stranding === true && status === undefined && embedded_pubkey === undefined;
}

function scopesIn(channel: string, ...scopes: readonly Scope[]): NeededScope[] {
  return [...new Set(scopes)].map((scope) => ({ scope, channel }));
}

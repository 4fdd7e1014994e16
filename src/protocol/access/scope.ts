import { CHANNEL_PATTERN } from '../channel.ts';

/** What a token may be used for. Each route names the scope it requires. */
export const SCOPES = [
  'release:read',
  'release:upload',
  'release:publish',
  'release:yank',
  'release:edit',
  'release:delete',
  'app:admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** A scope that stands for several, as tokens had it before these were told apart. */
const ALIASES: ReadonlyMap<string, readonly Scope[]> = new Map([
  ['release:write', ['release:upload', 'release:publish']],
]);

/** They hold for the whole app: what can be published into one channel depends on what is in the others. */
const OF_ALL_CHANNELS: readonly string[] = ['release:read', 'app:admin'] satisfies Scope[];

/** What the first token of an app, and one that is created without scopes, may be used for: to publish. */
export const PUBLISH_SCOPES: readonly Scope[] = ['release:read', 'release:upload', 'release:publish'];

/** What tokens are most often for. */
export const TOKEN_PRESETS = {
  publish: PUBLISH_SCOPES,
  upload: ['release:read', 'release:upload'],
  approve: ['release:read', 'release:publish'],
  read: ['release:read'],
  manage: ['release:read', 'release:publish', 'release:yank', 'release:edit', 'release:delete'],
  admin: SCOPES,
} as const satisfies Readonly<Record<string, readonly Scope[]>>;

export type TokenPreset = keyof typeof TOKEN_PRESETS;
export const PRESET_NAMES = Object.keys(TOKEN_PRESETS) as TokenPreset[];

export const SCOPE_NAMES: readonly string[] = [...SCOPES, ...ALIASES.keys()];

export const SCOPE_RULE = `one of ${SCOPE_NAMES.join(', ')}; all but ${OF_ALL_CHANNELS.join(' and ')} can be limited to channels, like release:publish@beta,nightly`;

const GRANT = new RegExp(
  `^([a-z:]+)(?:@(${CHANNEL_PATTERN.slice(1, -1)}(?:,${CHANNEL_PATTERN.slice(1, -1)})*))?$`,
);

interface Grant {
  readonly scopes: readonly string[];
  /** Undefined for all. */
  readonly channels: readonly string[] | undefined;
}

export function isGrant(text: string): boolean {
  return parseGrant(text) !== undefined;
}

export interface NeededScope {
  readonly scope: Scope;
  /** Undefined: in one channel at least. */
  readonly channel?: string | undefined;
}

/** Whether grants include a scope. What is none grants nothing: a later version may know it. */
export function allows(grants: readonly string[], { scope, channel }: NeededScope): boolean {
  return grants.some((text) => {
    const grant = parseGrant(text);
    if (!grant?.scopes.includes(scope)) return false;
    return channel === undefined || grant.channels === undefined || grant.channels.includes(channel);
  });
}

/** Grants that include none of some scopes: an alias is reduced to its others. */
export function without(grants: readonly string[], scopes: readonly Scope[]): string[] {
  return grants.flatMap((text) => {
    const { scopes: granted = [], channels } = parseGrant(text) ?? {};
    const left = granted.filter((name) => !scopes.some((scope) => scope === name));
    if (left.length === granted.length) return [text];
    return left.map((name) => (channels === undefined ? name : `${name}@${channels.join(',')}`));
  });
}

/** The same grants, where they can be, for these channels only; for all where there are none. */
export function limitedTo(grants: readonly Scope[], channels: readonly string[]): string[] {
  const isLimited = (scope: Scope) => channels.length > 0 && !OF_ALL_CHANNELS.includes(scope);
  return grants.map((scope) => (isLimited(scope) ? `${scope}@${channels.join(',')}` : scope));
}

/** For messages. */
export function describeScope(grants: readonly string[], { scope, channel }: NeededScope): string {
  return channel !== undefined && allows(grants, { scope }) ? `${scope} for the channel ${channel}` : scope;
}

function parseGrant(text: string): Grant | undefined {
  const [, name = '', channels] = GRANT.exec(text) ?? [];
  if (!SCOPE_NAMES.includes(name)) return undefined;
  if (channels !== undefined && OF_ALL_CHANNELS.includes(name)) return undefined;
  return { scopes: ALIASES.get(name) ?? [name], channels: channels?.split(',') };
}

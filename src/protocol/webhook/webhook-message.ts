/** What webhooks are sent. */
export const WEBHOOK_EVENTS = [
  'release.published',
  'release.paused',
  'release.resumed',
  'release.yanked',
  'release.restored',
  'release.rollout_changed',
  'release.promoted',
  'store.trouble',
] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Who reads the messages: a program, or people in a chat. */
export const WEBHOOK_FORMATS = ['json', 'slack', 'discord'] as const;
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

export function isWebhookEvent(text: string): text is WebhookEvent {
  return WEBHOOK_EVENTS.some((event) => event === text);
}

export interface RolloutSetting {
  readonly percent: number;
  /** RFC 3339. */
  readonly at?: string;
  readonly from?: number;
  /** Seconds. */
  readonly over?: number;
}

export interface ReportedRelease {
  readonly id: string;
  readonly version: string;
  readonly channel: string;
  readonly status: 'draft' | 'published' | 'yanked';
  readonly paused: boolean;
  /** Null for everyone. */
  readonly rollout: RolloutSetting | null;
}

/** `files_not_owned`: the storage may be another database's. */
export type TroubleKind =
  | 'file_lost'
  | 'disk_full'
  | 'database_unavailable'
  | 'storage_unavailable'
  | 'files_not_owned';

export interface Trouble {
  readonly kind: TroubleKind;
  readonly state: 'began' | 'ended';
  /** For people. */
  readonly detail: string;
}

export interface WebhookData {
  readonly app?: { readonly id: string; readonly name: string; readonly slug: string | null };
  /** As the change has left it. */
  readonly release?: ReportedRelease;
  /** As in the audit log: the name of the token, or of the operator's user. */
  readonly by?: { readonly kind: string; readonly id: string | null; readonly name: string | null };
  readonly changes?: Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;
  /** Why, where it is known. */
  readonly reason?: string;
  readonly trouble?: Trouble;
  /** The page about it. */
  readonly url?: string;
}

/** The body of a request in the format `json`. New fields may be added; a change of others raises `version`. */
export interface WebhookMessage {
  readonly version: 1;
  /** Also the header `webhook-id`: the same each time it is tried. */
  readonly id: string;
  readonly type: WebhookEvent | 'webhook.test';
  /** RFC 3339: when it happened. */
  readonly timestamp: string;
  readonly data: WebhookData;
}

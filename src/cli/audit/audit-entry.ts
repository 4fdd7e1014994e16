import type { AuditTable } from '../../database/schema.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { Style } from '../output/colors.ts';

export interface EntryFormat {
  /** What apps are called, by id. */
  readonly names: ReadonlyMap<string, string>;
  readonly style: Style;
  /** Of a line: what does not fit is cut off, as only a terminal needs it. */
  readonly width: number;
}

/** Where the second line starts, below the time of the first. */
const INDENT = 8;
/** Digits of a hash that are shown. */
const SHOWN_DIGITS = 12;

/** An entry as `audit --json` prints it. */
export function auditDocument(entry: AuditTable) {
  const { seq, at, app_id, action, outcome, address, request_id, details, hash } = entry;
  const { actor_kind: kind, actor_id: id, actor_name: name } = entry;
  return {
    ...{ seq, at: formatTimestamp(at), action, outcome, app: app_id },
    actor: { kind, id, name },
    ...{ address, request_id, details: parsed(details), hash },
  };
}

/** An entry in one or two lines: when, what and who; then to what, and how. */
export function formatEntry(entry: AuditTable, { names, style, width }: EntryFormat): string[] {
  const { seq, at, app_id, action, outcome, address } = entry;
  const time = formatTimestamp(at).replace('T', ' ');
  const from = address === null ? '' : ` at ${address}`;
  const who = cut(` ${actorOf(entry)}${from}`, width - INDENT - time.length - 20);
  const name = action.padEnd(17);
  const first = `${String(seq).padStart(6)}  ${time}  ${outcome === 'refused' ? style('red', name) : name}${who}`;
  const app = app_id === null ? [] : [names.get(app_id) ?? `app ${app_id}`];
  const rest = [...app, ...describe(parsed(entry.details))].join('  ');
  return rest === '' ? [first] : [first, `${' '.repeat(INDENT)}${cut(rest, width - INDENT)}`];
}

function actorOf({ actor_kind, actor_name, actor_id }: AuditTable): string {
  const name = actor_name ?? actor_id;
  return name === null ? actor_kind : `${actor_kind} ${name}`;
}

/** `1.2.0  platform linux-x86_64  sha256 0123456789ab…`; ids and what is nested deeper only the document has. */
function describe(details: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(details).flatMap(([key, value]) => {
    if (value === null || key.endsWith('_id')) return [];
    if (key === 'version') return [String(value)];
    return [`${key} ${inWords(value)}`];
  });
}

function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(inWords).join(' ');
  if (typeof value === 'object' && value !== null) {
    if ('before' in value && 'after' in value) return `${inWords(value.before)} -> ${inWords(value.after)}`;
    return Object.keys(value).join(' ');
  }
  const text = String(value).replace(/\s+/g, ' ');
  return /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, SHOWN_DIGITS)}…` : text;
}

function parsed(details: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(details);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {}; // somebody has changed it: `audit verify` says so
  }
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

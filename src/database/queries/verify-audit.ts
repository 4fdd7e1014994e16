import Type from 'typebox';
import { matches } from '../../protocol/validate.ts';
import type { AuditHeadTable, AuditTable, Queries } from '../schema.ts';
import { findWrongUsage } from './app-limits.ts';
import { type AuditHead, hashOfEntry } from './audit.ts';
import { type AuditState, applyEntry, digestOfState, stateOf } from './audit-state.ts';
import { readAuditedRows } from './audited-rows.ts';

/** What shows that somebody has changed the audit log, or a table that it is about, by other means than this program. */
export type AuditProblem =
  /** The entry was changed: it has another hash. */
  | { readonly kind: 'entry_changed'; readonly seq: number }
  /** What precedes the entry is not what preceded it when it was written. */
  | { readonly kind: 'chain_broken'; readonly seq: number }
  /** Entries are missing, from the first to the last of these. */
  | { readonly kind: 'entries_missing'; readonly from: number; readonly to: number }
  /** The log does not end where it did, or what was pruned of it is not what was recorded. */
  | { readonly kind: 'head_changed' | 'baseline_changed' }
  /** Rows are not as the entry left them; there are none any more; there are some that no entry is about. */
  | { readonly kind: 'row_changed' | 'row_missing'; readonly name: string; readonly seq: number }
  | { readonly kind: 'row_unrecorded'; readonly name: string }
  /** A file of a release that is not published is offered, or the other way round. */
  | { readonly kind: 'offer_changed'; readonly name: string }
  /** What is kept of how much an app has is not what it has: its limits are compared with that. */
  | { readonly kind: 'usage_changed'; readonly name: string }
  /** The log does not contain a checkpoint: it was cut off and written anew, or it is another store's. */
  | { readonly kind: 'checkpoint_missing'; readonly seq: number }
  /** What was checked then has been pruned since. */
  | { readonly kind: 'checkpoint_pruned'; readonly seq: number };

export interface AuditVerification {
  readonly head: AuditHead;
  readonly entries: number;
  /** Of tables, compared with the log. */
  readonly rows: number;
  readonly problems: readonly AuditProblem[];
}

const ENTRIES_AT_ONCE = 500;

const PRUNED = Type.Object({ through: Type.Integer(), hash: Type.String(), baseline: Type.String() });

/**
 * Recomputes the chain of the audit log, and compares the tables with what it says. Takes a transaction that reads one
 * moment.
 * @param checkpoints what the log ended with at earlier times, kept elsewhere
 */
export async function verifyAudit(
  transaction: Queries,
  checkpoints: readonly AuditHead[] = [],
): Promise<AuditVerification> {
  const head = await transaction.selectFrom('audit_head').selectAll().executeTakeFirst();
  const log = new VerifiedLog(head, checkpoints);
  const baseline = await transaction.selectFrom('audit_baseline').selectAll().execute();
  const state = stateOf(baseline);
  log.startWith(state);
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const page = await transaction
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(ENTRIES_AT_ONCE)
      .execute();
    for (const entry of page) log.add(entry, state);
    after = page.at(-1)?.seq ?? after;
    if (page.length < ENTRIES_AT_ONCE) break;
  }
  const { last, entries, problems } = log.end();
  const found = await compareRows(transaction, state);
  return { head: last, entries, rows: found.rows, problems: [...problems, ...found.problems] };
}

/** Follows the chain from entry to entry. */
class VerifiedLog {
  readonly #head: AuditHeadTable | undefined;
  /** Those that are not found yet, by their hash. */
  readonly #checkpoints: Map<string, AuditHead>;
  readonly #problems: AuditProblem[] = [];
  #baseline = '';
  #pruned: string | undefined;
  #last: AuditHead;
  #entries = 0;

  constructor(head: AuditHeadTable | undefined, checkpoints: readonly AuditHead[]) {
    this.#head = head;
    this.#checkpoints = new Map(checkpoints.map((one) => [`${one.seq} ${one.hash}`, one]));
    this.#last = { seq: head?.pruned_seq ?? 0, hash: head?.pruned_hash ?? '' };
    this.#reach(this.#last);
  }

  startWith(state: AuditState): void {
    this.#baseline = state.size === 0 && !this.#head?.pruned_seq ? '' : digestOfState(state);
  }

  add(entry: AuditTable, state: AuditState): void {
    const { seq, previous, hash } = entry;
    const expected = this.#last.seq + 1;
    if (seq > expected) this.#problems.push({ kind: 'entries_missing', from: expected, to: seq - 1 });
    else if (seq < expected || previous !== this.#last.hash)
      this.#problems.push({ kind: 'chain_broken', seq });
    if (!applyEntry(state, entry) || hashOfEntry(entry) !== hash)
      this.#problems.push({ kind: 'entry_changed', seq });
    if (entry.action === 'audit.pruned') this.#pruned = entry.details;
    this.#reach({ seq, hash });
    this.#entries += 1;
  }

  #reach(last: AuditHead): void {
    this.#last = last;
    this.#checkpoints.delete(`${last.seq} ${last.hash}`);
  }

  end() {
    const [head, last, problems] = [this.#head, this.#last, [...this.#problems]];
    if (head === undefined || !isSame(head, last) || head.deletable_seq !== 0)
      problems.push({ kind: 'head_changed' });
    if (!this.#isBaselineRecorded()) problems.push({ kind: 'baseline_changed' });
    for (const { seq } of this.#checkpoints.values()) {
      const isPruned = seq < (head?.pruned_seq ?? 0);
      problems.push({ kind: isPruned ? 'checkpoint_pruned' : 'checkpoint_missing', seq });
    }
    return { last, entries: this.#entries, problems };
  }

  /** The entry of the last pruning is never pruned with it. */
  #isBaselineRecorded(): boolean {
    if (this.#baseline === '') return true;
    const details: unknown = JSON.parse(this.#pruned ?? 'null');
    if (!matches(PRUNED, details)) return false;
    const pruned = { seq: details.through, hash: details.hash };
    const { pruned_seq: seq = 0, pruned_hash: hash = '' } = this.#head ?? {};
    return details.baseline === this.#baseline && isSame(pruned, { seq, hash });
  }
}

function isSame(a: AuditHead, b: AuditHead): boolean {
  return a.seq === b.seq && a.hash === b.hash;
}

async function compareRows(
  db: Queries,
  state: AuditState,
): Promise<{ readonly rows: number; readonly problems: readonly AuditProblem[] }> {
  const problems: AuditProblem[] = [];
  const present = new Map((await readAuditedRows(db)).map(({ name, digest }) => [name as string, digest]));
  for (const [name, digest] of present) {
    const recorded = state.get(name);
    if (recorded === undefined) problems.push({ kind: 'row_unrecorded', name });
    else if (recorded.digest !== digest) problems.push({ kind: 'row_changed', name, seq: recorded.seq });
  }
  for (const { name, seq } of state.values())
    if (!present.has(name)) problems.push({ kind: 'row_missing', name, seq });
  const offers = await wrongOffers(db);
  problems.push(...offers.map((id) => ({ kind: 'offer_changed', name: `release:${id}` }) as const));
  const usage = await findWrongUsage(db);
  problems.push(...usage.map((id) => ({ kind: 'usage_changed', name: `app:${id}` }) as const));
  return { rows: present.size, problems };
}

/** The releases with files that are offered although they are not published, or not offered although they are. */
async function wrongOffers(db: Queries): Promise<string[]> {
  const rows = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select('releases.id')
    .distinct()
    .where((eb) =>
      eb.or([
        eb.and([eb('artifacts.released', '!=', 1), eb('releases.status', '=', 'published')]),
        eb.and([eb('artifacts.released', '!=', 0), eb('releases.status', '!=', 'published')]),
      ]),
    )
    .execute();
  return rows.map(({ id }) => id);
}

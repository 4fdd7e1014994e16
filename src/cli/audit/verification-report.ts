import type { AuditProblem, AuditVerification } from '../../database/queries/verify-audit.ts';
import { formatCount } from '../format.ts';
import type { Style } from '../output/colors.ts';
import { type FsckResult, findingsOf } from '../output/fsck-report.ts';

export interface VerifiedLog {
  readonly log: AuditVerification;
  /** What the rows that are not as they should be are called. */
  readonly names: ReadonlyMap<string, string>;
}

/** The files are undefined where they were not read. */
export type VerifiedStore = VerifiedLog & { readonly files: Omit<FsckResult, 'database'> | undefined };

/** The document of `audit verify --json`. */
export function verificationDocument({ log, names, files }: VerifiedStore) {
  const damaged = files?.files?.damaged ?? [];
  const { locationOf = (key: string) => key } = files?.storage ?? {};
  return {
    status: log.problems.length + damaged.length === 0 ? 'intact' : 'changed',
    head: { seq: log.head.seq, hash: log.head.hash },
    entries: log.entries,
    rows: log.rows,
    files: files?.files?.records.length ?? null,
    problems: [
      ...log.problems.map((problem) => ({ ...problem, text: inWords(problem, names) })),
      ...damaged.map(({ record, problem }) => ({
        kind: 'file_changed',
        name: locationOf(record.storageKey),
        text: `${locationOf(record.storageKey)} is not the file that was published (${problem})`,
      })),
    ],
  };
}

export function formatVerification({ log, names, files }: VerifiedStore, style: Style): string[] {
  const { entries, rows, head, problems } = log;
  const isIntact = auditFindings({ log, names, files }).length === 0;
  const compared =
    files?.files === undefined
      ? `${formatCount(rows, 'record')}. The files were not read.`
      : `${formatCount(rows, 'record')} and ${formatCount(files.files.records.length, 'file')}.`;
  return [
    isIntact
      ? style('green', 'Nothing was changed by other means.')
      : style('red', `${formatCount(problems.length, 'change')} of the database by other means.`),
    `Compared ${entries === 1 ? '1 entry' : `${entries} entries`} of the log, ${compared}`,
    `The log ends with entry ${head.seq}.`,
  ];
}

/** What shows that the store was changed, for people. */
export function auditFindings({ log, names, files }: VerifiedStore): string[] {
  const damaged = files && findingsOf({ database: { location: '', problems: undefined }, ...files });
  return [
    ...log.problems.map((problem) => inWords(problem, names)),
    ...(damaged ? [damaged.message, ...damaged.items] : []),
  ];
}

function inWords(problem: AuditProblem, names: ReadonlyMap<string, string>): string {
  switch (problem.kind) {
    case 'entry_changed':
      return `entry ${problem.seq} of the log was changed`;
    case 'chain_broken':
      return `entry ${problem.seq} of the log does not follow the one before it`;
    case 'entries_missing':
      return problem.from === problem.to
        ? `entry ${problem.from} of the log is missing`
        : `entries ${problem.from} to ${problem.to} of the log are missing`;
    case 'head_changed':
      return 'the log does not end where it ended: entries were removed or added';
    case 'baseline_changed':
      return 'what is kept of the pruned part of the log was changed';
    case 'row_changed':
      return `${nameOf(problem.name, names)} is not as entry ${problem.seq} left it`;
    case 'row_missing':
      return `${nameOf(problem.name, names)} was deleted: the last entry about it is ${problem.seq}`;
    case 'row_unrecorded':
      return `${nameOf(problem.name, names)} was added: no entry is about it`;
    case 'offer_changed':
      return `files of ${nameOf(problem.name, names)} are offered, or not, against its status`;
    case 'usage_changed':
      return `what ${nameOf(problem.name, names)} is recorded to have is not what it has: its limits count wrongly`;
    case 'checkpoint_missing':
      return `the log does not contain the checkpoint of entry ${problem.seq}: it was cut off, replaced by an earlier one, or belongs to another store`;
    case 'checkpoint_pruned':
      return `the checkpoint of entry ${problem.seq} cannot be verified: the log was pruned since; use a later one`;
  }
}

function nameOf(name: string, names: ReadonlyMap<string, string>): string {
  return names.get(name) ?? name.replace(':', ' ');
}

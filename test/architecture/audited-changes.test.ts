import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCES = new URL('../../src/', import.meta.url).pathname;
const QUERIES = join(SOURCES, 'database/queries');

/** Functions that write to the database and leave nothing in the audit log, and why. */
const NOT_AUDITED: Readonly<Record<string, string>> = {
  createPendingArtifact: 'an announced upload changes nothing that is served; its completion is recorded',
  recordMultipart: 'as above',
  takeDuePolls: 'when to poll for an upload',
  acquireLease: 'who finalizes an upload',
  renewLease: 'who finalizes an upload',
  releaseLease: 'who finalizes an upload; why it was refused is recorded by `recordRefusal`',
  releaseAllLeases: 'who finalizes an upload',
  forgetExpiredUploads: 'an upload that never came',
  forgetDeleted: 'the bytes of what was deleted, which is recorded, are gone',
  setLostAt: 'what the storage has; `audit verify` reads the files itself',
  recordOrphans: 'what may be removed from the storage',
  takeOrphans: 'what may be removed from the storage',
  takeDropped: 'what is removed from the storage, for a change that is recorded',
  endDrop: 'as above',
  forgetOrphan: 'what may be removed from the storage',
  forgetOrphans: 'what may be removed from the storage',
  leaseDigest: 'what is computed from a file',
  saveDigest: 'what is computed from a file',
  addChanges: 'how many changes were recorded',
  recordTokenUses: 'when a token was used last',
  holdExport: 'which process keeps the export',
  releaseExport: 'which process keeps the export',
  saveSetting: 'each caller decides',
  saveSettingOnce: 'a server binds its first storage, and gives its database an id, by itself',
  deleteSetting: 'each caller decides',
  beginRenewal: 'the proof that the files are the database’s',
  confirmRenewal: 'the proof that the files are the database’s',
  endRenewal: 'the proof that the files are the database’s',
  recordLost: 'the proof that the files are the database’s',
  replaceRows: 'a copy brings its log along, and `recordCopyDone` records it',
  importAudit: 'the log itself',
  replaceHistory: 'the log itself',
  queueOrphans: 'a copy brings its log along, and `recordCopyDone` records it',
  startFetch: 'when the keys of issuers are fetched; what they are is recorded by `endFetch`',
  forgetUsedIdentities: 'identity tokens that are accepted no more',
  recountUsage: 'counts of what apps have',
  exchangeKeys: 'keys for counting, sealed',
  livingNodes: 'which processes count',
  saveKey: 'keys for counting, sealed',
  leaveExchange: 'which processes count',
  saveCount: 'how many installed apps there are',
  forgetOldCounts: 'how many installed apps there were',
  addAttempt: 'how many clients download a release',
  countDue: 'how many of them run it later',
  insert: 'a message to a webhook, which changes nothing that is served',
  takeDueDeliveries: 'who sends a message to a webhook',
  returnDelivery: 'who sends a message to a webhook',
  recordAttempt: 'what became of a message to a webhook',
  failPending: 'what became of messages to a webhook',
  pruneDeliveries: 'what became of messages to a webhook',
  append: 'the log itself',
  lockHead: 'the log itself',
};

interface QueryFunction {
  readonly name: string;
  readonly body: string;
}

function queryFunctions(): QueryFunction[] {
  return readdirSync(QUERIES).flatMap((file) => {
    const source = readFileSync(join(QUERIES, file), 'utf8').replace(/\/\*\*.*?\*\//gs, '');
    const starts = [...source.matchAll(/^(?:export )?(?:async )?function\*? (\w+)/gm)];
    return starts.map(({ 1: name = '', index }, i) => ({
      name,
      body: source.slice(index + 'export async function '.length + name.length, starts[i + 1]?.index),
    }));
  });
}

const IMPORT = /import \{([^}]*)\} from '[^']*database\/queries\//g;
const WRITES = /\.(?:insertInto|updateTable|deleteFrom)\(/;

const calls = ({ body }: QueryFunction, name: string) => new RegExp(`\\b${name}\\b`).test(body);

/** A function that writes is audited if it records that, or if each function that calls it is, and nothing else does. */
function unaudited(functions: readonly QueryFunction[], imported: ReadonlySet<string>): string[] {
  const isAudited = (one: QueryFunction, seen: ReadonlySet<string> = new Set()): boolean => {
    if (
      one.name in NOT_AUDITED ||
      /\b(?:recordAudit|insertToken|recordChange)\(/.test(one.body) ||
      seen.has(one.name)
    )
      return true;
    if (imported.has(one.name)) return false;
    const callers = functions.filter((other) => other.name !== one.name && calls(other, one.name));
    return callers.length > 0 && callers.every((caller) => isAudited(caller, new Set([...seen, one.name])));
  };
  return functions.filter((one) => WRITES.test(one.body) && !isAudited(one)).map(({ name }) => name);
}

test('attack M11: every query that changes something is recorded in the audit log', () => {
  const functions = queryFunctions();
  const imports = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('database/queries'))
    .flatMap((file) => [...readFileSync(join(SOURCES, file), 'utf8').matchAll(IMPORT)]);
  const imported = new Set(imports.flatMap(({ 1: names = '' }) => names.match(/\w+/g) ?? []));
  expect(unaudited(functions, imported)).toEqual([]);
  expect(functions.filter(({ body }) => WRITES.test(body)).length).toBeGreaterThan(40);
  const names = new Set(functions.map(({ name }) => name));
  expect(Object.keys(NOT_AUDITED).filter((name) => !names.has(name))).toEqual([]);
});

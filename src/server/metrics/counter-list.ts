import type { ServerCounters } from './server-counters.ts';

export type Labelled = Iterable<readonly [Readonly<Record<string, string>>, number]>;

/** A counter of Prometheus that a process keeps itself. */
export interface CounterDefinition {
  /** Without the prefix of all. */
  readonly name: string;
  readonly help: string;
  /** The few values that it has are all known beforehand: statuses, codes of problems, outcomes. */
  readonly label?: string;
  readonly read: () => number | Labelled;
}

/** What is counted of requests. */
export function requestCounters(counters: ServerCounters): CounterDefinition[] {
  const { checks, refusals, downloads, uploads } = counters;
  return [
    {
      name: 'checks_total',
      help: 'Update checks by the status of the response: 200 offers an update',
      label: 'status',
      read: () => labelled('status', checks.entries()),
    },
    {
      name: 'refusals_total',
      help: 'Requests that were refused, by the code of the problem',
      label: 'code',
      read: () => labelled('code', refusals.entries()),
    },
    {
      name: 'downloads_started_total',
      help: 'Downloads that this server began to send',
      read: () => downloads.started,
    },
    {
      name: 'downloads_finished_total',
      help: 'Downloads that were sent to their end',
      read: () => downloads.finished,
    },
    { name: 'download_bytes_total', help: 'Bytes sent in downloads', read: () => downloads.bytes },
    {
      name: 'download_redirects_total',
      help: 'Requests for downloads that were redirected to the file',
      read: () => counters.redirects,
    },
    {
      name: 'uploads_total',
      help: 'Uploads to this server, whole or of parts',
      label: 'outcome',
      read: () =>
        labelled('outcome', [['accepted', uploads.accepted] as const, ['refused', uploads.refused]]),
    },
    {
      name: 'upload_bytes_total',
      help: 'Bytes of uploads that were accepted',
      read: () => uploads.bytes,
    },
  ];
}

/** What is counted of the work behind requests. */
export function workCounters(counters: ServerCounters): CounterDefinition[] {
  const { maintenance, webhooks } = counters;
  return [
    {
      name: 'database_errors_total',
      help: 'Queries that the database has refused or not answered',
      read: () => counters.databaseErrors,
    },
    {
      name: 'storage_errors_total',
      help: 'Operations that the storage of the files has refused',
      read: () => counters.storageErrors,
    },
    {
      name: 'maintenance_rounds_total',
      help: 'Rounds of maintenance, one an hour',
      read: () => maintenance.rounds,
    },
    {
      name: 'maintenance_failures_total',
      help: 'Steps of maintenance that failed',
      read: () => maintenance.failures,
    },
    {
      name: 'counting_writes_total',
      help: 'Writes of how many apps were counted',
      read: () => counters.countingWrites,
    },
    {
      name: 'webhook_deliveries_total',
      help: 'Tries to send messages to webhooks, by outcome: failed ones are given up',
      label: 'outcome',
      read: () => labelled('outcome', Object.entries(webhooks)),
    },
  ];
}

function labelled(label: string, values: Iterable<readonly [string | number, number]>): Labelled {
  return Array.from(values, ([name, value]) => [{ [label]: String(name) }, value] as const);
}

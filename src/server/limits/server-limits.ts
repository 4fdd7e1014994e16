/** What clients may take at the same time, of a server or of one of its processes. docs/self-hosting/capacity.md lists it. */
export interface ServerLimits {
  readonly connections: number;
  /** By one client: an IPv4 address, or an IPv6 network of 64 bits. Proxies that are trusted are not limited. */
  readonly connectionsPerClient: number;
  /** From this server's disk, by client. */
  readonly downloads: Permits;
  /** PUTs to this server's disk, by app. */
  readonly uploads: Permits;
  /** GETs with a token, by token. */
  readonly reads: Permits;
  /** Other requests with a token, by token. */
  readonly writes: Permits;
  /** Requests that wait until an upload is processed, by token. */
  readonly completions: Permits;
}

/** How many requests of one kind are handled at the same time. */
export interface Permits {
  readonly total: number;
  /** Those of one client, app or token. */
  readonly each: number;
  /** How many more of one client, app or token may wait until they are. */
  readonly waiting: number;
}

/** Connections in all, where the system has descriptors for them. */
export const DEFAULT_MAX_CONNECTIONS = 4096;

/** Descriptors that a process needs besides those for clients: its database, bucket, log and threads. */
const OWN_DESCRIPTORS = 100;
/** Descriptors for each connection: its own, and a file for some of the requests. */
const DESCRIPTORS_PER_CONNECTION = 1.75;

/** How many connections a process can have without running out of descriptors. */
export function connectionsFor(descriptors: number): number {
  return Math.max(16, Math.floor((descriptors - OWN_DESCRIPTORS) / DESCRIPTORS_PER_CONNECTION));
}

/**
 * Limits that leave room for others: no kind of request can take all connections, and no client, app or token all of a
 * kind.
 */
export function limitsFor(
  connections: number,
  connectionsPerClient = Math.max(8, Math.ceil(connections / 4)),
): ServerLimits {
  const share = (part: number, most: number) => Math.max(2, Math.min(most, Math.floor(connections * part)));
  const downloads = share(0.5, Number.POSITIVE_INFINITY);
  const uploads = share(0.125, 256);
  const completions = share(0.125, 512);
  return {
    connections,
    connectionsPerClient,
    downloads: { total: downloads, each: Math.ceil(downloads / 4), waiting: 0 },
    uploads: { total: uploads, each: Math.ceil(uploads / 4), waiting: 256 },
    reads: { total: 32, each: 4, waiting: 256 },
    writes: { total: 64, each: 16, waiting: 256 },
    completions: { total: completions, each: Math.ceil(completions / 4), waiting: 256 },
  };
}

/**
 * The part of a server's limits that each of its processes has. Connections are spread evenly over them. None is less than
 * what one request of a kind needs.
 */
export function shareOf(limits: ServerLimits, processes: number): ServerLimits {
  const part = (count: number, least: number) => Math.max(least, Math.ceil(count / processes));
  const permits = ({ total, each, waiting }: Permits): Permits => {
    const share = part(total, 2);
    return { total: share, each: Math.min(part(each, 1), share - 1), waiting: part(waiting, 0) };
  };
  const { connections, connectionsPerClient, downloads, uploads, reads, writes, completions } = limits;
  return {
    connections: part(connections, 1),
    connectionsPerClient: part(connectionsPerClient, 1),
    downloads: permits(downloads),
    uploads: permits(uploads),
    reads: permits(reads),
    writes: permits(writes),
    completions: permits(completions),
  };
}

export const DEFAULT_LIMITS = limitsFor(DEFAULT_MAX_CONNECTIONS);

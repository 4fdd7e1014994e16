import type { FleetNode } from '../server/fleet-node.ts';
import { sha256Of } from '../tauri/local-file.ts';
import type { Ledger } from './ledger.ts';
import type { Outages } from './outages.ts';

/** The timeout for a response, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** Statuses that are allowed while a node is dead or paused, or the database is down. */
const AWAY = [502, 503, 504];

export interface Offer {
  readonly version: string;
  readonly signature: string;
  readonly url: string;
}

/** Checks as installed apps do, and compares each response with the ledger. */
export class Watch {
  readonly #outages: Outages;
  readonly #nodes: readonly FleetNode[];
  /** Violations, as text. */
  readonly violations = new Set<string>();
  checks = 0;
  downloads = 0;
  /** Checks without a response, or with 502, 503 or 504, by the server they were sent to. */
  readonly unanswered = new Map<string, number>();

  constructor(outages: Outages, nodes: readonly FleetNode[]) {
    this.#outages = outages;
    this.#nodes = nodes;
  }

  /** One check as an app of the lowest version. @returns undefined if there is no response now */
  async check(server: string, ledger: Ledger, timeoutMs = TIMEOUT_MS): Promise<Offer | undefined> {
    const sentAt = performance.now();
    this.checks++;
    const answer = await get(`${server}/api/sync/ota/${ledger.slug}/linux/x86_64/0.0.1`, timeoutMs);
    if (answer === undefined || AWAY.includes(answer.status)) {
      this.unanswered.set(server, (this.unanswered.get(server) ?? 0) + 1);
      return undefined;
    }
    const what = `${server} answered a check of ${ledger.slug} with ${answer.status}`;
    if (answer.status !== 200) return this.#violation(what);
    const offer: Offer = JSON.parse(answer.bytes.toString());
    const published = ledger.find(offer.version);
    if (published?.signature !== offer.signature)
      return this.#violation(`${what}, ${offer.version} and ${offer.signature}`);
    const asked = this.#nodes.filter(({ url }) => url === server);
    const known = this.#outages.knownBy(sentAt, asked.length > 0 ? asked : this.#nodes);
    const required = ledger.highestAt(known);
    if (published.number < required)
      return this.#violation(
        `${what}, ${offer.version}, when 1.0.${required} had long been published; sent at ${sentAt}, answered at ` +
          `${performance.now()}, ${JSON.stringify(this.#outages.last)}, ${JSON.stringify(asked[0]?.pauses.at(-1))}`,
      );
    return offer;
  }

  /** Downloads the offer and compares it. */
  async download(server: string, ledger: Ledger): Promise<void> {
    const offer = await this.check(server, ledger);
    if (offer === undefined) return;
    const published = ledger.find(offer.version);
    const answer = await get(offer.url, TIMEOUT_MS);
    if (answer === undefined || AWAY.includes(answer.status)) return;
    if (answer.status === 404 && published?.deletionBegun) return;
    this.downloads++;
    if (answer.status !== 200 || sha256Of(answer.bytes) !== published?.sha256)
      this.#violation(
        `the download of ${ledger.slug} ${offer.version} was ${answer.status} with other bytes`,
      );
  }

  /** Whether a server knows everything that was published, and reaches its database. */
  async isRight(server: string, ledgers: readonly Ledger[]): Promise<boolean> {
    const expected = ledgers.map((ledger) => ledger.highestAt(performance.now() - 1000));
    for (const [i, ledger] of ledgers.entries()) {
      const offer = await this.check(server, ledger, 1000);
      const published = offer && ledger.find(offer.version);
      if (published === undefined || published.number < (expected[i] ?? 0)) return false;
      const { id, token } = ledger.app;
      const app = await get(`${server}/api/sync/ota/apps/${id}`, 1000, { authorization: `Bearer ${token}` });
      if (app?.status !== 200) return false;
    }
    return true;
  }

  #violation(what: string): undefined {
    this.violations.add(what);
  }
}

async function get(url: string, timeoutMs: number, headers: Readonly<Record<string, string>> = {}) {
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) });
    return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
  } catch {
    return undefined; // the way, or the server at its end, is gone
  }
}

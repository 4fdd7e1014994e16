import { areBothLocal, placeOf, unsafePlaceOf } from '../../client/handed-out-url.ts';
import { appTag } from '../../protocol/app-tag.ts';
import { STABLE } from '../../protocol/channel.ts';
import { type Platform, systemOf, type Target } from '../../protocol/platform.ts';
import { LOWEST_VERSION } from '../../protocol/version.ts';
import { mapConcurrently } from '../../runtime/map-concurrently.ts';
import type { UpdaterConfig } from '../../tauri/project/tauri-config.ts';
import type { Publisher } from '../publisher.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { askEndpoint } from './ask-endpoint.ts';
import { type ClassifiedEndpoint, checkInOrder, type EndpointFinding } from './check-in-order.ts';
import { classifyResponse, type Destination, type Mismatch, type Verdict } from './classify-response.ts';
import type { EndpointResponse, Question } from './endpoint-response.ts';
import { checkPathOf, displayEndpoint, fillEndpoint, pathFault, saysVersion } from './endpoint-url.ts';
import { resolveUncertain } from './resolve-uncertain.ts';

/** How many questions are asked at once. */
const CONCURRENCY = 8;
const UNENCRYPTED = 'installed apps ask it unencrypted, although the server is reached by https';
const HTTP_REJECTED = 'release builds reject http without plugins.updater.dangerousInsecureTransportProtocol';

/** A build that is published, and where its next update will come from. */
export interface NextHop {
  /** Where the updaters of the build ask, by system. */
  readonly updaters: ReadonlyMap<Target, UpdaterConfig>;
  readonly platforms: readonly Platform[];
  readonly version: string;
  readonly channel: string | undefined;
  /** The version that apps update from; undefined when nothing was live before. */
  readonly previousVersion: string | undefined;
  /** Where installed apps are to ask; undefined when unknown. */
  readonly slug: string | undefined;
  /** Whether this run has yet to register the slug. */
  readonly isNewSlug: boolean;
  readonly server: Pick<ServerState, 'extensions'>;
}

export interface NextHopResult {
  readonly findings: readonly EndpointFinding[];
  /** As they are shown: those that lead to this app, or will once the slug is registered. */
  readonly leading: ReadonlySet<string>;
  /** Whether endpoints have to be asked again once the slug is registered. */
  readonly isPending: boolean;
  /** The origins of endpoints that lead to this app: where its users reach the server. */
  readonly origins: ReadonlySet<string>;
}

/**
 * Asks the endpoints of a build what its installed copies will ask: on the new version, and on the version before. Each
 * has to lead to this app on this server; otherwise this update would be the last that its users get. Only reads.
 */
export async function checkNextHop(publisher: Publisher, nextHop: NextHop): Promise<NextHopResult> {
  return new NextHopCheck(publisher, nextHop).run();
}

class NextHopCheck {
  readonly #publisher: Publisher;
  readonly #nextHop: NextHop;
  readonly #destination: Destination;
  /** By URL: nothing is asked twice. */
  readonly #answers = new Map<string, Promise<EndpointResponse>>();

  constructor(publisher: Publisher, nextHop: NextHop) {
    this.#publisher = publisher;
    this.#nextHop = nextHop;
    const { slug, isNewSlug, server } = nextHop;
    const tag = supports(server, 'app-tag') ? appTag(publisher.appId) : undefined;
    this.#destination = { tag, slug, isNewSlug, isOurServer: server.extensions.size > 0 };
  }

  async run(): Promise<NextHopResult> {
    const { platforms } = this.#nextHop;
    await this.#askAll();
    const findings: EndpointFinding[] = [];
    const leading = new Set<string>();
    const origins = new Set<string>();
    let isPending = false;
    for (const platform of platforms) {
      const updater = this.#updaterOf(platform);
      if (updater === undefined) continue;
      if (updater.endpoints.length === 0) findings.push(noEndpoint(updater, platform));
      const classified = await this.#classifyAll(updater, platform);
      findings.push(...checkInOrder(classified, platform), ...this.#localOnly(updater, platform));
      findings.push(...this.#unencrypted(updater, platform));
      for (const { template, endpoint, verdict } of classified) {
        isPending ||= verdict.kind === 'pending';
        if (verdict.kind !== 'ours' && verdict.kind !== 'pending') continue;
        leading.add(endpoint);
        const cause = this.#otherChannel(template);
        if (cause !== undefined) findings.push({ endpoint, cause, isIssue: false, platform });
        if (verdict.kind === 'ours') origins.add(new URL(template).origin);
      }
    }
    return { findings, leading, isPending, origins };
  }

  /** One question to each endpoint first: where that cannot be reached, the others need not wait for it too. */
  async #askAll(): Promise<void> {
    const urlsOf = new Map<string, Set<string>>();
    for (const platform of this.#nextHop.platforms) {
      const updater = this.#updaterOf(platform);
      for (const endpoint of updater?.endpoints ?? []) {
        if (updater === undefined || this.#staticFault(endpoint, updater) !== undefined) continue;
        const urls = urlsOf.get(endpoint) ?? new Set();
        urlsOf.set(endpoint, urls);
        for (const question of this.#questions(platform)) {
          const url = fillEndpoint(endpoint, question);
          if (url === undefined || this.#urlFault({ endpoint, url, question }) !== undefined) continue;
          urls.add(url.href);
        }
      }
    }
    const rest = await Promise.all(
      [...urlsOf.values()].map(async ([first, ...others]) => {
        if (first === undefined) return [];
        const answer = await this.#ask(new URL(first));
        if (answer.kind !== 'unreachable') return others;
        for (const url of others) this.#answers.set(url, Promise.resolve(answer));
        return [];
      }),
    );
    await mapConcurrently(rest.flat(), (url) => this.#ask(new URL(url)), { concurrency: CONCURRENCY });
  }

  #updaterOf({ target }: Platform): UpdaterConfig | undefined {
    const system = systemOf(target);
    return system && this.#nextHop.updaters.get(system);
  }

  readonly #ask = (url: URL): Promise<EndpointResponse> => {
    const answer = this.#answers.get(url.href) ?? askEndpoint(this.#publisher, url);
    this.#answers.set(url.href, answer);
    return answer;
  };

  #staticFault(endpoint: string, updater: UpdaterConfig): string | undefined {
    const fault = staticFault(endpoint, updater);
    return fault === HTTP_REJECTED && this.#isRehearsal(endpoint) ? undefined : fault;
  }

  /** Everything is on this machine, where debug builds are tried, which accept http. */
  #isRehearsal(endpoint: string): boolean {
    return areBothLocal(new URL(endpoint), this.#publisher.client.server);
  }

  #localOnly(updater: UpdaterConfig, platform: Platform): EndpointFinding[] {
    return updater.endpoints
      .filter((endpoint) => staticFault(endpoint, updater) === HTTP_REJECTED && this.#isRehearsal(endpoint))
      .map((endpoint) => {
        return { endpoint: displayEndpoint(endpoint), cause: HTTP_REJECTED, isIssue: false, platform };
      });
  }

  /** The project allows http, which is no reason to use it. */
  #unencrypted(updater: UpdaterConfig, platform: Platform): EndpointFinding[] {
    const { server } = this.#publisher.client;
    return updater.endpoints
      .filter((endpoint) => staticFault(endpoint, updater) === undefined)
      .filter((endpoint) => unsafePlaceOf(new URL(endpoint), server) === 'unencrypted')
      .map((endpoint) => {
        return { endpoint: displayEndpoint(endpoint), cause: UNENCRYPTED, isIssue: false, platform };
      });
  }

  #questions(platform: Platform): Question[] {
    const { version, previousVersion = LOWEST_VERSION } = this.#nextHop;
    return [previousVersion, version].map((asking) => ({ platform, version: asking }));
  }

  async #classifyAll(
    updater: UpdaterConfig,
    platform: Platform,
  ): Promise<(ClassifiedEndpoint & { template: string })[]> {
    const classified: (ClassifiedEndpoint & { template: string })[] = [];
    for (const template of updater.endpoints) {
      const fault = this.#staticFault(template, updater);
      const isDecided = classified.some(({ verdict }) => verdict.kind === 'ours');
      const verdict =
        fault === undefined
          ? await this.#classify({ template, updater, platform }, isDecided)
          : ({ kind: 'fatal', cause: fault } as const);
      classified.push({ template, endpoint: displayEndpoint(template), verdict });
    }
    return classified;
  }

  /** @param isDecided whether an endpoint before it leads to this app: then it is only a fallback */
  async #classify(
    { template, updater, platform }: { template: string; updater: UpdaterConfig; platform: Platform },
    isDecided: boolean,
  ): Promise<Verdict> {
    const verdicts: Verdict[] = [];
    for (const question of this.#questions(platform)) {
      const url = fillEndpoint(template, question);
      if (url === undefined) return wrong('its placeholders make no URL');
      const fault = this.#urlFault({ endpoint: template, url, question });
      if (fault !== undefined) return wrong(fault);
      const answer = await this.#ask(url);
      if (answer.kind === 'unreachable' && answer.untrusted && updater.acceptsInvalidCertificates) {
        return { kind: 'unchecked', cause: `its answers were not checked, because ${answer.reason}` };
      }
      verdicts.push(classifyResponse(answer, this.#destination, checkPathOf(url)?.[0]));
    }
    const order = ['mismatch', 'uncertain', 'pending', 'ours'] as const;
    const worst = order.flatMap((kind) => verdicts.filter((verdict) => verdict.kind === kind))[0];
    if (worst === undefined) return { kind: 'uncertain' };
    const verdict =
      worst.kind === 'uncertain' && !isDecided ? await this.#resolve(template, platform) : worst;
    const isOwn = verdict.kind === 'ours' || verdict.kind === 'pending';
    return isOwn && !saysVersion(template) ? wrong('it has no {{current_version}}') : verdict;
  }

  /** What is wrong with an endpoint, whatever it would answer: then it is not asked. */
  #urlFault({ endpoint, url, question }: { endpoint: string; url: URL; question: Question }) {
    const isOnlyLocal = placeOf(url, this.#publisher.client.server) === 'only_local';
    return isOnlyLocal ? 'it leads every machine to itself' : pathFault(endpoint, url, question);
  }

  /** Apps of another channel are not stranded: they are offered the stable releases at least. */
  #otherChannel(template: string): string | undefined {
    const { channel = STABLE, server } = this.#nextHop;
    const url = new URL(template);
    const isKnown = checkPathOf(url) !== undefined || url.searchParams.has('channel'); // else a proxy may add it
    const asked = url.searchParams.get('channel') ?? STABLE;
    if (asked === channel || !isKnown || !supports(server, 'channel')) return undefined;
    return `it asks for the channel ${asked}, but this release goes into ${channel}`;
  }

  #resolve(template: string, platform: Platform): Promise<Verdict> {
    const { client } = this.#publisher;
    const { slug } = this.#destination;
    const versions = [...this.#questions(platform).map(({ version }) => version), LOWEST_VERSION];
    return resolveUncertain({
      template,
      platform,
      versions: [...new Set(versions)],
      ownTemplate: slug === undefined ? undefined : client.checkUrl(slug),
      slug,
      hasTags: this.#destination.tag !== undefined,
      ask: this.#ask,
    });
  }
}

/** Why the updater of a release build does not start with an endpoint, whatever it would answer. */
export function staticFault(endpoint: string, { allowsHttp }: UpdaterConfig): string | undefined {
  if (!URL.canParse(endpoint)) return 'it is not an absolute URL, so the app cannot start';
  const { protocol } = new URL(endpoint);
  if (protocol === 'https:' || (protocol === 'http:' && allowsHttp)) return undefined;
  return protocol === 'http:' ? HTTP_REJECTED : `release builds accept https only, not ${protocol}`;
}

function noEndpoint({ source }: UpdaterConfig, platform: Platform): EndpointFinding {
  const cause =
    'plugins.updater.endpoints is missing or empty, so installed apps never ask for the next update';
  return { endpoint: source, cause, isIssue: true, platform };
}

/** A fault of the endpoint itself: what it would answer is not known. */
function wrong(cause: string): Mismatch {
  return { kind: 'mismatch', cause, endsTheCheck: true, isFallback: false };
}

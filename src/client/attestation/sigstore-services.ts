import { ServiceSelector, SigningConfig } from '@sigstore/protobuf-specs';
import { isLoopback } from '../../runtime/network/loopback.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';

/** Where an attestation is made: the services of a Sigstore instance. */
export interface SigstoreServices {
  /** Fulcio, which issues certificates for identities. */
  readonly certificates: URL;
  /** Rekor, the public log. */
  readonly log?: { readonly url: URL; readonly version: 1 | 2 };
  /** A timestamp authority. */
  readonly timestamps?: URL;
}

/** The public instance. Its log's promise is the timestamp. */
export const PUBLIC_SERVICES: SigstoreServices = {
  certificates: new URL('https://fulcio.sigstore.dev'),
  log: { url: new URL('https://rekor.sigstore.dev'), version: 1 },
};

/** The services, or why there are none: `reason` completes "the file …". */
export type ServicesResult =
  | { readonly kind: 'services'; readonly services: SigstoreServices }
  | { readonly kind: 'unusable'; readonly reason: string };

const MAX_VERSIONS = { certificates: 1, log: 2, timestamps: 1 } as const;

interface Service {
  readonly url: string;
  readonly majorApiVersion: number;
  readonly validFor?: { readonly start?: Date | undefined; readonly end?: Date | undefined } | undefined;
}

/** @param text a `signing_config.json`, as Sigstore's tools write it */
export function readSigningConfig(text: string, now: Date): ServicesResult {
  let config: SigningConfig;
  try {
    config = SigningConfig.fromJSON(parseBoundedJson(text));
  } catch {
    return unusable('is not JSON');
  }
  const { caUrls, rekorTlogUrls, rekorTlogConfig, tsaUrls, tsaConfig } = config;
  const ca = newest(caUrls, MAX_VERSIONS.certificates, now);
  if (ca === undefined) return unusable('is no signing config with a certificate authority');
  for (const [name, selection] of [
    ['log', rekorTlogConfig],
    ['timestamp authority', tsaConfig],
  ] as const) {
    if (selection === undefined || selection.selector === ServiceSelector.ANY) continue;
    return unusable(`asks for another number of services than one (${name}), which is not supported`);
  }
  const log = rekorTlogConfig && newest(rekorTlogUrls, MAX_VERSIONS.log, now);
  const timestamps = tsaConfig && newest(tsaUrls, MAX_VERSIONS.timestamps, now);
  if (rekorTlogConfig && !log) return unusable('has no log that is valid now');
  if (tsaConfig && !timestamps) return unusable('has no timestamp authority that is valid now');
  const insecure = [ca, log, timestamps].find((service) => service && !isSecure(service.url));
  if (insecure) return unusable(`has a URL that is not https: ${insecure.url}`);
  return {
    kind: 'services',
    services: {
      certificates: new URL(ca.url),
      ...(log && { log: { url: new URL(log.url), version: log.majorApiVersion === 2 ? 2 : 1 } }),
      ...(timestamps && { timestamps: new URL(timestamps.url) }),
    },
  };
}

/** Of those that are valid now the one that started last. */
function newest(services: readonly Service[], maxVersion: number, now: Date): Service | undefined {
  const valid = services.filter(({ majorApiVersion, validFor }) => {
    const { start, end } = validFor ?? {};
    return majorApiVersion <= maxVersion && (!start || start <= now) && (!end || end >= now);
  });
  return valid.toSorted((a, b) => startOf(b) - startOf(a))[0];
}

function startOf({ validFor }: Service): number {
  return validFor?.start?.getTime() ?? 0;
}

function isSecure(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

function unusable(reason: string): ServicesResult {
  return { kind: 'unusable', reason };
}

import { expect } from 'vitest';
import type { Platform } from '../../../src/protocol/platform.ts';
import { LOWEST_VERSION } from '../../../src/protocol/version.ts';
import type { SignedBundle } from '../tauri/signed-bundles.ts';

/** An update as an installed app gets it. */
export interface ServedUpdate {
  readonly version: string;
  readonly signature: string;
  readonly bytes: Buffer;
}

/** Checks and downloads as an installed app does, without our client code. @returns undefined when none is offered */
export async function fetchServed(
  server: URL | string,
  slug: string,
  { target, arch }: Platform,
): Promise<ServedUpdate | undefined> {
  const check = await fetch(new URL(`/api/sync/ota/${slug}/${target}/${arch}/${LOWEST_VERSION}`, server));
  if (check.status === 204 || check.status === 404) return undefined; // 404: the slug is not there yet
  expect(check.status).toBe(200);
  const { version, signature, url } = (await check.json()) as {
    version: string;
    signature: string;
    url: string;
  };
  const file = await fetch(url);
  expect(file.status, `${version} is offered, but not served`).toBe(200);
  return { version, signature, bytes: Buffer.from(await file.arrayBuffer()) };
}

/** Expects that each platform is offered that version and exactly its signed file, or nothing if that is allowed. */
export async function expectServed(
  server: URL | string,
  slug: string,
  bundles: readonly SignedBundle[],
  { version = '1.2.0', allowNothing = false } = {},
): Promise<void> {
  for (const bundle of bundles) {
    const served = await fetchServed(server, slug, bundle);
    if (served === undefined && allowNothing) continue;
    expect(served?.version).toBe(version);
    expect(served?.signature).toBe(bundle.signature);
    expect(served?.bytes.equals(bundle.bytes)).toBe(true);
  }
}

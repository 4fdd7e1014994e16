import { expect } from 'vitest';
import type { UpdateResponse } from '../../../src/protocol/messages.ts';
import {
  type Arch,
  BUNDLE_TYPES_OF,
  type BundleType,
  type Platform,
  platformName,
} from '../../../src/protocol/platform.ts';
import { pathOf } from '../../../src/protocol/routes.ts';
import { offeredFile } from '../../../src/publish/verify/update-check.ts';
import type { Publisher } from '../publish/publisher.ts';

/** What apps get, by everything that an answer may depend on: version, platform, and kinds that are asked and installed. */
export type Answers = ReadonlyMap<string, string>;

const KINDS: readonly (BundleType | undefined)[] = [undefined, ...BUNDLE_TYPES_OF.linux];

export interface Questions {
  readonly archs?: readonly Arch[];
  readonly versions: readonly string[];
  readonly releaseIds: readonly string[];
}

/**
 * Every question that an app on Linux may ask, and the SHA-256 of the file that it gets: by checks of these versions,
 * as each kind of installation reads the response, and by the download of each release.
 */
export async function askEverything(
  app: Publisher,
  { archs = ['x86_64', 'aarch64'], versions, releaseIds }: Questions,
): Promise<Answers> {
  const answers = new Map<string, string>();
  const target = 'linux';
  for (const arch of archs) {
    for (const asked of KINDS) {
      const query = asked === undefined ? '' : `?bundle_type=${asked}`;
      for (const current_version of versions) {
        const reply = await app.get(
          pathOf('check', { slug: app.slug, target, arch, current_version }) + query,
        );
        if (reply.statusCode === 204) continue;
        expect(reply.statusCode).toBe(200);
        const update: UpdateResponse = reply.json();
        for (const installed of asked === undefined ? KINDS : [asked]) {
          const platform: Platform = { target, arch, ...(installed && { bundleType: installed }) };
          const file = offeredFile(update, platform);
          const { pathname, search } = new URL(file?.url ?? '');
          const sha256 = await servedBy(app, pathname + search);
          expect(sha256, `offered ${pathname}${search}`).toBeDefined();
          note(answers, `check ${update.version} ${platformName(platform)} asked ${asked ?? '-'}`, sha256);
        }
      }
      for (const release_id of releaseIds) {
        const path = pathOf('download', { slug: app.slug, release_id, target, arch }) + query;
        note(answers, `download ${release_id} ${target}-${arch} ${asked ?? '-'}`, await servedBy(app, path));
      }
    }
  }
  return answers;
}

/** At one moment all apps that ask the same get the same. */
function note(answers: Map<string, string>, question: string, sha256: string | undefined): void {
  if (sha256 === undefined) return;
  expect(answers.get(question) ?? sha256, question).toBe(sha256);
  answers.set(question, sha256);
}

/** The SHA-256 of what a download leads to, which the storage has. */
async function servedBy(app: Publisher, path: string): Promise<string | undefined> {
  const reply = await app.get(path);
  if (reply.statusCode === 404) return undefined;
  expect(reply.statusCode).toBe(302);
  const { pathname, search } = new URL(reply.headers.location ?? '');
  const file = await app.get(pathname + search);
  if (file.statusCode === 404) return undefined;
  expect(file.statusCode).toBe(200);
  const etag = file.headers.etag;
  return typeof etag === 'string' ? etag : undefined;
}

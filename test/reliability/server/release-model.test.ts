import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import { compareVersions } from '../../../src/protocol/version.ts';
import { isRemote } from '../../../src/storage/remote-storage.ts';
import { times } from '../../support/process/torture.ts';
import { LINUX, MAC, Publisher } from '../../support/publish/publisher.ts';
import { sha256Of } from '../../support/publish/remote-publisher.ts';
import { NEVER } from '../../support/s3/s3-server.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const VERSIONS = ['1.0.0-rc.1', '1.0.0', '1.1.0', '1.10.0', '2.0.0'];
const PLATFORMS = [LINUX, MAC];
const CONTENTS = ['aaaa', 'bbbb', 'cc'];

interface Upload {
  readonly url: string;
  readonly version: string;
  readonly releaseId: string;
  readonly platform: Platform;
  readonly size: number;
}

/** The model: what is offered according to api.md and the rule that published bytes never change. */
class Model {
  readonly releases = new Map<string, string>();
  readonly uploads: Upload[] = [];
  readonly #used = new Set<string>();
  /** What is served, by release id and platform. */
  readonly live = new Map<string, string>();
  /** What was ever served, by version and platform. */
  readonly published = new Map<string, string>();

  highest(platform: Platform): { version: string; content: string } | undefined {
    const complete = [...this.releases].flatMap(([version, id]) => {
      const content = this.live.get(id + platformName(platform));
      return content === undefined ? [] : [{ version, content }];
    });
    return complete.sort((a, b) => compareVersions(b.version, a.version))[0];
  }

  isUsed({ url }: Upload): boolean {
    return this.#used.has(url);
  }

  /** The outcome of a PUT. */
  put({ url, version, releaseId, platform, size }: Upload, content: string): number {
    if (this.releases.get(version) !== releaseId) return 404;
    if (this.#used.has(url)) return 409;
    if (content.length !== size) return 422;
    const key = platformName(platform);
    const published = this.published.get(version + key);
    if (this.live.has(releaseId + key) || (published !== undefined && published !== content)) return 409;
    this.#used.add(url);
    this.live.set(releaseId + key, content);
    this.published.set(version + key, content);
    return 200;
  }
}

type Step = (app: Publisher, model: Model) => Promise<void>;

const create = fc.constantFrom(...VERSIONS).map((version): [string, Step] => [
  `create ${version}`,
  async (app, model) => {
    const reply = await app.send('POST', '/releases', { body: { version, signature: 's' } });
    expect(reply.statusCode).toBe(model.releases.has(version) ? 409 : 201);
    if (reply.statusCode === 201) model.releases.set(version, reply.json().id);
  },
]);

const remove = fc.constantFrom(...VERSIONS).map((version): [string, Step] => [
  `delete ${version}`,
  async (app, model) => {
    const releaseId = model.releases.get(version);
    if (releaseId === undefined) return;
    await app.delete(releaseId);
    model.releases.delete(version);
  },
]);

const request = fc
  .tuple(fc.constantFrom(...VERSIONS), fc.constantFrom(...PLATFORMS), fc.constantFrom(2, 4))
  .map(([version, platform, size]): [string, Step] => [
    `request an upload of ${version} for ${platformName(platform)}, ${size} bytes`,
    async (app, model) => {
      const releaseId = model.releases.get(version) ?? (await app.createRelease(version));
      model.releases.set(version, releaseId);
      if (model.live.has(releaseId + platformName(platform))) return;
      const url = await app.requestUpload(releaseId, size, platform);
      model.uploads.push({ url, version, releaseId, platform, size });
    },
  ]);

const put = fc
  .tuple(fc.nat({ max: 50 }), fc.constantFrom(...CONTENTS))
  .map(([pick, content]): [string, Step] => [
    `put ${content} to upload ${pick}`,
    async (app, model) => {
      const upload = model.uploads[pick % model.uploads.length];
      if (upload === undefined) return;
      const wasUsed = model.isUsed(upload);
      const expected = model.put(upload, content);
      const { statusCode } = await app.upload(upload.releaseId, upload.url, Buffer.from(content));
      if (!isRemote(app.server.services.storage)) expect(statusCode).toBe(expected);
      // A store accepts uploads that it does not know to be late, and refuses another length in its own way.
      else if (expected === 404 || !wasUsed) expect(statusCode >= 300, `${expected}`).toBe(expected >= 300);
    },
  ]);

/** Every live file, superseded or not, is what the database says: R14. */
async function expectAsRecorded(app: Publisher, model: Model): Promise<void> {
  const { queries } = app.server.database;
  for (const releaseId of model.releases.values()) {
    const rows = await queries
      .selectFrom('artifacts')
      .select(['target', 'arch', 'file_size', 'sha256'])
      .where('release_id', '=', releaseId)
      .where('status', '=', 'complete')
      .execute();
    for (const { file_size, sha256, ...platform } of rows) {
      const { rawPayload } = await app.follow('GET', await app.downloadUrl(releaseId, platform));
      expect({ file_size: rawPayload.length, sha256: sha256Of(rawPayload) }).toEqual({ file_size, sha256 });
      expect(rawPayload.toString()).toBe(model.live.get(releaseId + platformName(platform)));
    }
  }
}

/** The number of sequences of steps; with the torture setting, 100,000 steps in total. */
const RUNS = { disk: times(20, 1500), fake: times(5, 300), Ceph: times(5, 100) };

describeOnEachStore('after any sequence of creating, uploading and deleting', ({ files, start }) => {
  const runs = RUNS[files];
  test(
    `R14, R15: every offer downloads with the recorded bytes, in ${runs} runs`,
    async () => {
      const server = await (await start()).open({ pollSchedule: NEVER });
      let apps = 0;
      let offers = 0;
      const step = fc.oneof(create, remove, { arbitrary: request, weight: 3 }, { arbitrary: put, weight: 5 });
      const steps = fc.array(step, { minLength: 15, maxLength: 40 });
      const property = fc.asyncProperty(steps, async (run) => {
        const app = await Publisher.on(server, { slug: `app-${apps++}` });
        const model = new Model();
        for (const [, act] of run) {
          await act(app, model);
          for (const platform of PLATFORMS) {
            const expected = model.highest(platform);
            expect(await app.offered(platform)).toBe(expected?.version);
            if (expected === undefined) continue;
            expect((await app.fetchOffer(platform)).toString()).toBe(expected.content);
            offers++;
          }
        }
        await expectAsRecorded(app, model);
      });
      await fc.assert(property, { numRuns: runs, seed: 20260313 });
      expect(offers).toBeGreaterThan(2 * runs);
    },
    30_000 + runs * 4000,
  );
});

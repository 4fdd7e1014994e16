import { expect, test } from 'vitest';
import { API_ROOT } from '../../../src/protocol/routes.ts';
import { bytesOf, MAC, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

describeOnEachStore('parameters that a route does not have', ({ start }) => {
  test.each([
    'target=darwin&arch=aarch64',
    'target=linux&target=darwin',
    'arch=x86_64&arch=aarch64',
    'target=%00',
    'slug=other&slug=app',
    'release_id=other&version=9.9.9',
    '__proto__=x&constructor=y&toString=z',
  ])('attack foreign parameters: %s in a query stands for nothing in the path', async (query) => {
    const store = await start();
    const app = await Publisher.on(await store.open());
    const releaseId = await app.publish('1.0.0');
    const bytes = bytesOf('1.0.0', MAC);
    const forMac = await app.requestUpload(releaseId, bytes.length, MAC);
    requireStatus(await app.upload(releaseId, forMac, bytes), 200);
    for (const path of [
      'linux/x86_64/0.1.0',
      'latest/linux/x86_64',
      `download/${releaseId}/linux/x86_64`,
      'manifest/1.0.0',
    ]) {
      const url = `${API_ROOT}/${app.slug}/${path}`;
      const [plain, other] = [await app.get(url), await app.get(`${url}?${query}`)];
      const placeOf = (location: unknown) => String(location).split('?')[0]; // a store signs each URL anew
      expect(other.statusCode, url).toBe(plain.statusCode);
      expect(other.body, url).toBe(plain.body);
      expect(placeOf(other.headers.location), url).toBe(placeOf(plain.headers.location));
    }
  });
});

import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readAppcast } from '../../support/server/appcast-client.ts';
import { FeedApp, type NamedFile } from '../../support/server/feed-app.ts';

const MAC: NamedFile = {
  target: 'darwin',
  arch: 'x86_64',
  name: 'MyApp-1.2.0.zip',
  bytes: Buffer.from('zip'),
};
const MAC_ARM: NamedFile = { ...MAC, arch: 'aarch64' };
const WINDOWS: NamedFile = { target: 'windows', arch: 'x86_64', name: 'MyApp-1.2.0-setup.exe' };
const WINDOWS_ARM: NamedFile = { ...WINDOWS, arch: 'aarch64' };

const sparkle = async (app: FeedApp, name = 'appcast.xml') => readAppcast(await app.text(`sparkle/${name}`));
const winsparkle = async (app: FeedApp, name = 'appcast.xml') =>
  readAppcast(await app.text(`winsparkle/${name}`));
const UNIVERSAL = [MAC, MAC_ARM];

describe('the appcast for Sparkle', () => {
  test('has the universal file, its size, the signature of Sparkle, and a URL that leads to it', async () => {
    const app = await FeedApp.start();
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const signature = sign(null, Buffer.from('zip'), privateKey).toString('base64');
    await app.publish({
      version: '1.2.0',
      files: UNIVERSAL.map((file) => ({ ...file, signature })),
      fields: { notes: '# New\n- **one**' },
    });
    const [item, ...others] = await sparkle(app);
    expect(others).toEqual([]);
    expect(item).toMatchObject({
      version: '1.2.0',
      shortVersionString: '1.2.0',
      channel: undefined,
      isCritical: false,
      description: expect.stringContaining('<strong>one</strong>'),
      enclosures: [{ length: '3', edSignature: signature, os: undefined }],
    });
    expect(Number.isNaN(Date.parse(item?.pubDate ?? ''))).toBe(false);
    const file = Buffer.from(await (await fetch(item?.enclosures[0]?.url ?? '')).arrayBuffer());
    const { verify } = await import('node:crypto');
    const sent = Buffer.from(item?.enclosures[0]?.edSignature ?? '', 'base64');
    expect(verify(null, file, publicKey, sent)).toBe(true);
  });

  test('has no signature of another kind', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.2.0', files: UNIVERSAL });
    expect((await sparkle(app))[0]?.enclosures[0]?.edSignature).toBeUndefined();
  });

  test('has an entry for each channel with a release of its own, which its subscribers get', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.2.0', files: UNIVERSAL });
    await app.publish({ version: '1.3.0-beta.1+77', files: UNIVERSAL, fields: { channel: 'beta' } });
    await app.publish({ version: '1.1.0', files: UNIVERSAL, fields: { channel: 'alpha' } });
    const shown = (items: Awaited<ReturnType<typeof sparkle>>) =>
      items.map(({ version, shortVersionString, channel }) => [version, shortVersionString, channel]);
    expect(shown(await sparkle(app))).toEqual([
      ['1.2.0', '1.2.0', undefined],
      ['77', '1.3.0-beta.1', 'beta'],
    ]);
    expect(shown(await sparkle(app, 'appcast.xml?channel=beta'))).toEqual([
      ['77', '1.3.0-beta.1', undefined],
    ]);
  });

  test('names an arch where each has a file of its own', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.2.0', files: [MAC, { ...MAC_ARM, bytes: Buffer.from('other') }] });
    const reply = await app.read('sparkle/appcast.xml');
    expect([reply.status, await reply.text()]).toEqual([404, expect.stringContaining('appcast-arm64.xml')]);
    expect((await sparkle(app, 'appcast-arm64.xml'))[0]?.enclosures[0]?.length).toBe('5');
    expect((await sparkle(app, 'appcast-x86_64.xml'))[0]?.enclosures[0]?.length).toBe('3');
    for (const name of ['appcast-sparc.xml', 'appcast.rss', 'feed.xml'])
      expect((await app.read(`sparkle/${name}`)).status, name).toBe(404);
  });

  test('says what is mandatory, and which system it needs', async () => {
    const app = await FeedApp.start();
    const fields = { mandatory: true, minimum_system_version: { darwin: '12.3' } };
    await app.publish({ version: '1.2.0', files: UNIVERSAL, fields });
    expect((await sparkle(app))[0]).toMatchObject({ isCritical: true, minimumSystemVersion: '12.3' });
  });

  test('holds a release until everyone is offered it, and is empty without one', async () => {
    const app = await FeedApp.start();
    expect(await sparkle(app)).toEqual([]);
    await app.publish({ version: '1.0.0', files: UNIVERSAL });
    const id = await app.publish({
      version: '1.1.0',
      files: UNIVERSAL,
      fields: { rollout: { percent: 90 } },
    });
    expect((await sparkle(app))[0]?.version).toBe('1.0.0');
    await app.change(id, { rollout: { percent: 100 } });
    expect((await sparkle(app))[0]?.version).toBe('1.1.0');
  });

  test('attack injection: notes and names with markup, CDATA or control characters stay text', async () => {
    const app = await FeedApp.start({}, { name: 'A </title><item> & "B" \u0001' });
    const hostile = [
      ']]></description><enclosure url="http://evil.example/"/>',
      '<script>alert(1)</script><sparkle:criticalUpdate/>',
      '&lt;b&gt; &#0; &amp;amp; &unknown;',
      '\u0001\u0008\u000b\u001b\ufffe\uffff',
      '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
      '<![CDATA[ x ]]> <?xml version="1.0"?> -->',
      '[x](javascript:alert(1)) ![i](http://evil.example/i.png)',
    ];
    let patch = 0;
    for (const notes of hostile) {
      const version = `1.0.${++patch}`;
      await app.publish({ version, files: UNIVERSAL, fields: { notes } });
      const items = await sparkle(app);
      expect(items).toHaveLength(1);
      const [item] = items;
      expect(item).toMatchObject({ version, isCritical: false });
      expect(item?.enclosures.map(({ url }) => new URL(url).origin)).toEqual([app.url]);
      expect(item?.description).not.toMatch(/<script|<img|href="javascript|<enclosure/i);
      expect(await app.text('sparkle/appcast.xml')).not.toMatch(/<!\[CDATA|<!DOCTYPE|<script/);
    }
  });
});

describe('the appcast for WinSparkle', () => {
  test('has a file for each arch in one entry, or that of one', async () => {
    const app = await FeedApp.start();
    const signature = Buffer.alloc(64, 7).toString('base64');
    const fields = { minimum_system_version: { windows: '10.0.17763.1' }, mandatory: true };
    await app.publish({ version: '1.2.0', files: [{ ...WINDOWS, signature }, WINDOWS_ARM], fields });
    const [item] = await winsparkle(app);
    expect(item).toMatchObject({ version: '1.2.0', minimumSystemVersion: '10.0.17763', isCritical: true });
    expect(item?.enclosures.map(({ os, edSignature }) => [os, edSignature])).toEqual([
      ['windows-x64', signature],
      ['windows-arm64', undefined],
    ]);
    const [alone] = await winsparkle(app, 'appcast-x64.xml');
    expect(alone?.enclosures.map(({ os }) => os)).toEqual(['windows']);
    const reply = await fetch(alone?.enclosures[0]?.url ?? '');
    expect(reply.headers.get('content-disposition')).toContain('filename="MyApp-1.2.0-setup.exe"');
  });

  test('has the releases of the channel that is asked for', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.2.0', files: [WINDOWS] });
    await app.publish({ version: '1.3.0-rc.1', files: [WINDOWS], fields: { channel: 'beta' } });
    const versions = async (name: string) => (await winsparkle(app, name)).map(({ version }) => version);
    expect(await versions('appcast.xml')).toEqual(['1.2.0']);
    expect(await versions('appcast-x64.xml?channel=beta')).toEqual(['1.3.0-rc.1']);
    expect(await versions('appcast-arm64.xml')).toEqual([]);
  });

  test('takes the installer that the platform prefers, or one that is for WinSparkle alone', async () => {
    const app = await FeedApp.start();
    const msi = { ...WINDOWS, name: 'MyApp.msi', bundleType: 'msi' };
    const nsis = { ...WINDOWS, bundleType: 'nsis' };
    await app.publish({ version: '1.2.0', files: [msi, nsis] });
    const name = async () => {
      const url = (await winsparkle(app))[0]?.enclosures[0]?.url ?? '';
      return (await fetch(url)).headers.get('content-disposition');
    };
    expect(await name()).toContain('MyApp-1.2.0-setup.exe');
    const own = { ...WINDOWS, target: 'windows-winsparkle', name: 'own.exe' };
    await app.publish({ version: '1.3.0', files: [msi, nsis, own] });
    expect(await name()).toContain('own.exe');
  });
});

import { expect, test } from 'vitest';
import { SERVER } from '../../src/database/attribution.ts';
import { saveOperatorLink } from '../../src/database/queries/operator-link.ts';
import { describeInChromium, openPage, picture, seriousFindings } from '../support/web/browser.ts';
import { publish, type ShownApp, startShownApp } from '../support/web/shown-app.ts';

type Page = Awaited<ReturnType<typeof openPage>>;

/** Opens the page of an app, signed in with its token, which is typed. */
async function signIn({ origin, app }: ShownApp, options = {}): Promise<Page> {
  const page = await openPage(origin, options);
  await page.goto('/admin/');
  await page.getByLabel('Token').fill(app.token);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Adoption' }).waitFor();
  return page;
}

/** What a confirmation says that changes. */
async function changesIn(dialog: ReturnType<Page['getByRole']>): Promise<string[]> {
  const changes = dialog.getByRole('listitem');
  await changes.first().waitFor();
  return changes.allTextContents();
}

/** Two weeks in which a release spreads, as `queries/counts` stores them. */
async function countApps({ server, app }: ShownApp): Promise<void> {
  const cell = { app_id: app.id, platform: '', generation: 'one', sketch: null, sketch_until: null };
  const dayBefore = (days: number) => new Date(server.now.getTime() - days * 86_400_000).toISOString();
  const month = dayBefore(0).slice(0, 7);
  const [linux, windows] = ['linux-x86_64', 'windows-x86_64'];
  const rows = Array.from({ length: 14 }, (_, age) => {
    const period = dayBefore(age).slice(0, 10);
    const all = 4200 - 60 * age;
    const updated = Math.round(all * 0.93 * (1 - Math.exp(-(13 - age) / 3)));
    return [
      { ...cell, period, kind: 'seen', version: '', clients: all },
      { ...cell, period, kind: 'running', version: '1.2.0', platform: windows, clients: updated },
      { ...cell, period, kind: 'running', version: '1.1.0', platform: windows, clients: all - updated - 90 },
      { ...cell, period, kind: 'running', version: '1.0.0', platform: linux, clients: 90 },
    ] as const;
  }).flat();
  const reach = (platform: string, kind: 'offered' | 'downloaded' | 'converted', clients: number) =>
    ({ ...cell, period: month, kind, version: '1.2.0', platform, clients }) as const;
  const months = [
    { ...cell, period: month, kind: 'seen', version: '', clients: 6900 } as const,
    ...[
      reach(windows, 'offered', 3078),
      reach(windows, 'downloaded', 2997),
      reach(windows, 'converted', 2960),
    ],
    ...[reach(linux, 'offered', 1120), reach(linux, 'downloaded', 1103), reach(linux, 'converted', 3)],
  ];
  await server.database.queries
    .insertInto('counts')
    .values([...rows, ...months])
    .execute();
}

/** What the API says of a release now. */
async function releaseOf({ app, releases }: ShownApp, version: string) {
  const reply = await app.send('GET', `/releases?release=${version}`);
  return reply.json().find(({ id }: { id: string }) => id === releases.get(version));
}

async function openRelease(page: Page, version: string): Promise<void> {
  await page.getByRole('link', { name: 'Releases' }).click();
  await page.getByRole('link', { name: version, exact: true }).click();
  await page.getByRole('heading', { name: version, exact: true }).waitFor();
}

describeInChromium('the page for operators', () => {
  test('signs in with a token, keeps it in no place that a script can read, and signs out', async () => {
    const shown = await startShownApp();
    const page = await signIn(shown);
    const readable = await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])');
    expect(readable).toBe('[{},{},""]');
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ name: 'synckit-ota', httpOnly: true, sameSite: 'Strict' });
    expect(cookie?.value).not.toContain(shown.app.token);
    await page.reload();
    await page.getByRole('link', { name: 'Adoption' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.context().cookies()).toEqual([]);
  });

  test('says why a token is not accepted', async () => {
    const { origin } = await startShownApp();
    const page = await openPage(origin);
    await page.goto('/admin/');
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    expect(await page.getByRole('alert').textContent()).toContain('not valid');
    expect(page.watched.complaints.splice(0)).toEqual([expect.stringContaining('401')]);
  });

  test('signs in by the link that serve printed, once, and creates an app', async () => {
    const { origin, server } = await startShownApp();
    const until = new Date(server.now.getTime() + 60_000);
    const link = { secret: 'the-secret', until };
    await saveOperatorLink(server.database.queries, link, { actor: SERVER, now: server.now });
    const page = await openPage(origin);
    await page.goto('/admin/#link=the-secret');
    await page.getByRole('heading', { name: 'Apps' }).waitFor();
    expect(page.url()).toBe(`${origin}/admin/`);
    await page.getByLabel('Name', { exact: true }).fill('Other App');
    await page.getByLabel('Slug').fill('other-app');
    await page.getByRole('button', { name: 'Create app' }).click();
    await page.getByRole('link', { name: 'Other App' }).waitFor();
    expect(await page.locator('output').textContent()).toContain('publish token');
    await picture(page, 'operator-apps');
    expect(await seriousFindings(page)).toEqual([]);
    expect((await server.app.inject('/other-app')).statusCode).toBe(200);

    const another = await openPage(origin);
    await another.goto('/admin/#link=the-secret');
    expect(await another.getByRole('alert').textContent()).toContain('not any more');
    another.watched.complaints.length = 0;
  });

  test.each([
    ['light', { colorScheme: 'light', viewport: { width: 1080, height: 760 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1080, height: 760 } }],
    ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true }],
  ] as const)('opens every screen, readable by everyone: %s', async (name, options) => {
    const shown = await startShownApp();
    const release = `/releases/${shown.releases.get('1.2.0')}`;
    shown.server.now = new Date(Date.now() - 86_400_000); // the ramp began a day ago
    await shown.app.send('PATCH', release, { body: { rollout: { percent: 10 } } });
    await shown.app.send('PATCH', release, { body: { rollout: { percent: 100, over: 259_200 } } });
    shown.server.now = new Date();
    const page = await signIn(shown, options);
    const inspect = async (screen: string) => {
      await picture(page, `operator-${screen}-${name}`);
      expect(await seriousFindings(page), screen).toEqual([]);
      const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(overflow, screen).toBeLessThanOrEqual(0);
    };
    for (const screen of ['Adoption', 'Releases', 'Channels', 'Tokens', 'Trust', 'Audit']) {
      await page.getByRole('link', { name: screen }).click();
      await page.getByRole('heading', { name: screen }).waitFor({ state: 'attached' });
      await page.waitForLoadState('networkidle');
      await inspect(screen.toLowerCase());
    }
    await openRelease(page, '1.2.0');
    await page.locator('.curve canvas').waitFor();
    await inspect('release');
    await page.getByRole('button', { name: 'Pause…' }).click();
    await page.getByRole('dialog').getByRole('listitem').first().waitFor();
    await inspect('confirmation');
  });

  test('pauses and resumes, by the keyboard, showing before what changes', async () => {
    const shown = await startShownApp();
    const page = await signIn(shown);
    await openRelease(page, '1.2.0');
    await page.getByRole('button', { name: 'Pause…' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    expect(await changesIn(dialog)).toContain(
      '1.0.0 in stable: 1.1.0 instead of 1.2.0darwin-aarch64, darwin-x86_64, linux-x86_64, windows-x86_64',
    );
    await page.setViewportSize({ width: 360, height: 740 });
    await picture(page, 'pause-on-a-phone');
    const [wide, seen] = await dialog.evaluate(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]);
    expect(wide).toBe(seen);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect((await releaseOf(shown, '1.2.0')).paused_at).toBeUndefined();

    await page.getByRole('button', { name: 'Pause…' }).press('Enter');
    await dialog.getByRole('button', { name: 'Pause' }).press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await page.locator('.badge.paused').waitFor();
    expect((await releaseOf(shown, '1.2.0')).paused_at).toBeDefined();

    await page.getByRole('button', { name: 'Resume…' }).click();
    await dialog.getByRole('button', { name: 'Resume' }).click();
    await page.locator('.badge.live').waitFor();
    expect((await releaseOf(shown, '1.2.0')).paused_at).toBeUndefined();
  });

  test('yanks and restores, showing before what changes', async () => {
    const shown = await startShownApp();
    const page = await signIn(shown);
    await openRelease(page, '1.2.0');
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Yank…' }).click();
    expect((await changesIn(dialog)).join()).toContain('1.1.0 instead of 1.2.0');
    await dialog.getByRole('button', { name: 'Yank' }).click();
    await page.locator('.badge.yanked').waitFor();
    expect((await releaseOf(shown, '1.2.0')).status).toBe('yanked');
    await page.getByRole('button', { name: 'Restore…' }).click();
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await page.locator('.badge.live').waitFor();
    expect((await releaseOf(shown, '1.2.0')).status).toBe('published');
  });

  test('sets a rollout with the slider, by the keyboard, and a ramp', async () => {
    const shown = await startShownApp();
    const page = await signIn(shown);
    await openRelease(page, '1.2.0');
    const dialog = page.getByRole('dialog');
    const slider = page.getByRole('slider');
    await slider.focus();
    await page.keyboard.press('Home');
    for (let i = 0; i < 25; i++) await page.keyboard.press('ArrowRight');
    expect(await page.locator('output').textContent()).toBe('25 %');
    await page.getByRole('button', { name: 'Set rollout…' }).click();
    expect((await changesIn(dialog)).join()).toContain(
      'in stable: 1.1.0 (75 %), 1.2.0 (25 %) instead of 1.2.0',
    );
    await dialog.getByRole('button', { name: 'Set rollout' }).click();
    await page.locator('.badge.rolling-out').waitFor();
    expect((await releaseOf(shown, '1.2.0')).rollout).toMatchObject({ percent: 25, share: 25 });

    await slider.focus();
    await page.keyboard.press('End');
    await page.getByLabel('Reached').selectOption({ label: 'over 3 days' });
    await page.getByRole('button', { name: 'Set rollout…' }).click();
    await dialog.getByRole('button', { name: 'Set rollout' }).click();
    await page.getByText('from 25 % to 100 % over 3 days').waitFor();
    expect((await releaseOf(shown, '1.2.0')).rollout).toMatchObject({
      percent: 100,
      from: 25,
      over: 259_200,
    });
  });

  test('moves a release to another channel, showing before what changes', async () => {
    const shown = await startShownApp();
    const page = await signIn(shown);
    await openRelease(page, '1.3.0-beta.1');
    await page.getByRole('button', { name: 'Move to stable…' }).click();
    const dialog = page.getByRole('dialog');
    expect((await changesIn(dialog)).join()).toContain('in stable: 1.3.0-beta.1 instead of 1.2.0');
    await dialog.getByRole('button', { name: 'Move to stable' }).click();
    await page.getByText('stable, ').waitFor();
    expect((await releaseOf(shown, '1.3.0-beta.1')).channel).toBe('stable');
  });

  test.each([
    ['light', { colorScheme: 'light', viewport: { width: 1080, height: 760 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1080, height: 760 } }],
  ] as const)('shows adoption first, where apps are counted: %s', async (name, options) => {
    const shown = await startShownApp();
    await countApps(shown);
    const page = await signIn(shown, options);
    await page.locator('.curve canvas').waitFor();
    const versions = page.getByRole('region', { name: 'Versions in use' });
    expect(await versions.getByRole('row', { name: '1.2.0' }).textContent()).toMatch(/^1\.2\.0[\d,]+\d\d %$/);
    expect(await page.getByText('linux-x86_64: install').count()).toBe(1);
    await picture(page, `operator-counted-${name}`);
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('revokes a token, which ends what it had signed in', async () => {
    const shown = await startShownApp();
    const page = await signIn(shown);
    await page.getByRole('link', { name: 'Tokens' }).click();
    await page.getByRole('button', { name: 'Revoke test…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('alert').waitFor();
    page.watched.complaints.length = 0; // 401 from now on
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('offers what the token allows: the server’s refusal is shown', async () => {
    const shown = await startShownApp();
    const token = await shown.server.createToken(shown.app.id, { scopes: ['release:read'] });
    const page = await signIn({ ...shown, app: shown.app.with(token) });
    await openRelease(page, '1.2.0');
    await page.getByRole('button', { name: 'Yank…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Yank' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('lacks the scope');
    page.watched.complaints.length = 0;
  });

  test('shows what others wrote as text', async () => {
    const shown = await startShownApp();
    const notes = '<img src=x onerror=alert(1)><script>alert(1)</script>';
    const id = await publish(shown.app, { version: '2.0.0', notes });
    await shown.app.send('PATCH', `/releases/${id}`, { body: { notes } });
    const page = await signIn(shown);
    await openRelease(page, '2.0.0');
    expect(await page.locator('.notes').textContent()).toBe(notes);
    expect(await page.locator('#page img, #page script').count()).toBe(0);
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('heading', { name: 'Audit' }).waitFor({ state: 'attached' });
    expect(await page.locator('#page img, #page script').count()).toBe(0);
  });

  test('is usable within a second on loopback, in less than 100 kB', async () => {
    const shown = await startShownApp();
    const page = await openPage(shown.origin);
    let bytes = 0;
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    const startedAt = performance.now();
    await page.goto('/admin/');
    await page.getByLabel('Token').waitFor();
    const milliseconds = Math.round(performance.now() - startedAt);
    console.log(`first load: ${bytes} bytes in ${milliseconds} ms`);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(100_000);
  });
});

import { expect, test } from 'vitest';
import { describeInChromium, openPage, picture, seriousFindings } from '../support/web/browser.ts';
import { startShownApp } from '../support/web/shown-app.ts';

const WINDOWS_AGENT = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0';

describeInChromium('the download page in a browser', () => {
  test('works without JavaScript, and by the keyboard', async () => {
    const { origin } = await startShownApp();
    const page = await openPage(origin, { javaScriptEnabled: false });
    await page.goto('/note-taker');
    expect(await page.title()).toBe('Download Note Taker');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Download for Linux');
    const download = page.waitForEvent('download');
    await page.keyboard.press('Enter');
    expect((await download).suggestedFilename()).toBe('Note-Taker.AppImage');
    await page.locator('summary', { hasText: '1.1.0' }).focus();
    await page.keyboard.press('Enter');
    expect(await page.getByText('Search finds text').isVisible()).toBe(true);
  });

  test.each([
    ['light', { colorScheme: 'light', viewport: { width: 960, height: 720 } }],
    ['dark', { colorScheme: 'dark' }],
    ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true }],
  ] as const)('can be read by everyone: %s', async (name, options) => {
    const { origin } = await startShownApp();
    const page = await openPage(origin, { userAgent: WINDOWS_AGENT, ...options });
    await page.goto('/note-taker');
    await picture(page, `download-${name}`, { whole: name !== 'light' });
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await seriousFindings(page)).toEqual([]);
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
  });

  test('has a feed that is XML', async () => {
    const { origin } = await startShownApp();
    const page = await openPage(origin);
    const feed = `${origin}/note-taker/feed.atom?channel=beta`;
    const titles = await page.evaluate(`fetch('${feed}').then(async (answer) => {
      const xml = new DOMParser().parseFromString(await answer.text(), 'application/xml');
      return [...xml.querySelectorAll('parsererror, entry > title')].map((title) => title.textContent);
    })`);
    const versions = ['1.3.0-beta.1', '1.2.0', '1.1.0', '1.0.0'];
    expect(titles).toEqual(versions.map((version) => `Note Taker ${version}`));
  });
});

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

/** Where pictures are kept; undefined: nowhere. */
const PICTURES = process.env.SYNCKIT_OTA_PICTURES;

let browser: Browser | undefined;

/** Tests in a real browser, Debian's Chromium; skipped, with their name saying so, where it is not installed. */
export function describeInChromium(name: string, body: () => void): void {
  if (CHROMIUM === undefined) {
    describe.skip(`${name} (Chromium is not installed)`, body);
    return;
  }
  describe(name, () => {
    beforeAll(async () => {
      // Root has no sandbox in containers.
      browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
    });
    afterAll(() => browser?.close());
    body();
  });
}

/** What a page has done that it must not. */
export interface Watched {
  /** Messages of the console and exceptions. */
  readonly complaints: string[];
  /** Requests to another host than the server's. */
  readonly strangers: string[];
}

/** A page of a new visitor. Closes when the test is finished, which fails if the page asked other hosts or complained. */
export async function openPage(
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Page & { readonly watched: Watched }> {
  if (browser === undefined) throw new Error('no browser');
  const context = await browser.newContext({
    baseURL: origin,
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...options,
  });
  const page = await context.newPage();
  const watched: Watched = { complaints: [], strangers: [] };
  watch(context, page, { origin, watched });
  onTestFinished(async () => {
    await context.close();
    expect(watched, 'what the page did').toEqual({ complaints: [], strangers: [] });
  });
  return Object.assign(page, { watched });
}

function watch(
  context: BrowserContext,
  page: Page,
  { origin, watched }: { readonly origin: string; readonly watched: Watched },
): void {
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) watched.complaints.push(message.text());
  });
  page.on('pageerror', (error) => watched.complaints.push(String(error)));
  context.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:'))
      watched.strangers.push(request.url());
  });
}

/** What axe-core finds that keeps people from using a page. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // Not as a script element, which the page's policy does not allow.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: `${axe.source};0` });
  const { violations } = await page.evaluate<{ violations: axe.Result[] }>('axe.run()');
  await session.detach();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

/** Keeps a picture of what is seen, where the environment names a folder. */
export async function picture(page: Page, name: string, { whole = false } = {}): Promise<void> {
  if (PICTURES === undefined) return;
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: whole });
}

import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import { STABLE } from '../../protocol/channel.ts';
import { downloadPath } from '../../protocol/routes.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { archName, dateInWords, kindName, systemName } from './file-words.ts';
import type { PageContent, PageFile, PageRelease } from './page-content.ts';
import { PAGE_STYLE } from './page-style.ts';
import type { PickedFile, VisitorSystem } from './visitor-system.ts';

/** How many releases show their notes at once; the others have to be opened. */
const OPEN_NOTES = 1;

/** No script runs, nothing is fetched, and no site shows the page in a frame. */
export const PAGE_SECURITY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** What a page shows to one visitor. */
export interface ShownPage {
  readonly content: PageContent;
  /** Of the page, without its query. */
  readonly url: string;
  /** What download URLs begin with. */
  readonly publicUrl: string;
  readonly system: VisitorSystem | undefined;
  readonly picked: PickedFile<PageFile> | undefined;
}

/** A piece of HTML, in which all text is escaped. */
type Html = ReturnType<typeof html>;

export async function downloadPage(page: ShownPage): Promise<string> {
  const { content, url, picked } = page;
  const { name, channel, releases, files } = content;
  const query = channel === STABLE ? '' : `?channel=${channel}`;
  const others = files.filter((file) => file !== picked?.file);
  const feed = `${url}/feed.atom${query}`;
  return documentOf({
    title: `Download ${name}`,
    links: html`<link rel="canonical" href="${url + query}">
<link rel="alternate" type="application/atom+xml" title="Releases of ${name}" href="${feed}">`,
    body: html`<main>
<h1>${name}</h1>
${summary(content)}
${picked && first(page, picked)}
${others.length > 0 && html`<h2>${picked ? 'Other downloads' : 'Downloads'}</h2>${list(page, others)}`}
${notes(releases)}
${files.length > 0 && checksums(files)}
</main>
<footer><a href="${feed}">Feed of releases</a></footer>`,
  });
}

/** What a browser shows for a slug that no app has. */
export async function notFoundPage(): Promise<string> {
  const body = html`<main><h1>Not found</h1><p class="soft">There is no app at this address.</p></main>`;
  return documentOf({ title: 'Not found', links: null, body });
}

interface Document {
  readonly title: string;
  readonly links: Html | null;
  readonly body: Html;
}

async function documentOf({ title, links, body }: Document): Promise<string> {
  const whole = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
${links}
<style>${raw(PAGE_STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`;
  return whole.toString();
}

function summary({ releases: [newest], channel }: PageContent): Html {
  if (newest === undefined) return html`<p class="soft">Nothing has been released yet.</p>`;
  const of = channel === STABLE ? '' : `, channel ${channel}`;
  return html`<p class="soft">Version ${newest.version}, ${day(newest.pubDate)}${of}</p>`;
}

/** The file for the visitor's system. No Mac says which processor it has. */
function first({ system, content, publicUrl }: ShownPage, { file, isSure }: PickedFile<PageFile>): Html {
  const other = content.files.find(({ target, arch }) => target === file.target && arch !== file.arch);
  const isGuessed = system?.target === 'darwin' && !isSure && other !== undefined;
  const words = [...versionOf(file, content), kindName(file), formatBytes(file.fileSize)];
  return html`<div class="first">
<a class="button" href="${publicUrl + downloadPath(content.slug, file.releaseId, file)}">Download for ${systemName(file)}</a>
<p class="soft">${words.join(' · ')}</p>
${isGuessed && html`<p class="soft">For Macs with ${archName(file)}; the one for ${archName(other)} is below.</p>`}
</div>`;
}

function list({ content, publicUrl }: ShownPage, files: readonly PageFile[]): Html {
  return html`<ul class="files">${files.map(
    (file) => html`
<li><a href="${publicUrl + downloadPath(content.slug, file.releaseId, file)}">${systemName(file)}, ${kindName(file)}</a>
<span class="soft">${[...versionOf(file, content), formatBytes(file.fileSize)].join(' · ')}</span></li>`,
  )}
</ul>`;
}

/** Where it is not the one that the page begins with: some platforms may have no file in the newest release. */
function versionOf({ version }: PageFile, { releases: [newest] }: PageContent): string[] {
  return version === newest?.version ? [] : [version];
}

function notes(releases: readonly PageRelease[]): Html {
  const written = releases.filter(({ notesHtml }) => notesHtml !== '');
  const open = written.filter((release) => releases.indexOf(release) < OPEN_NOTES);
  const earlier = written.filter((release) => !open.includes(release));
  // `renderNotes` has made it safe.
  return html`${open.map(
    ({ version, notesHtml }) => html`
<section class="notes"><h2>What’s new in ${version}</h2>${raw(notesHtml)}</section>`,
  )}
${earlier.length > 0 && html`<h2>Earlier releases</h2>`}
${earlier.map(
  ({ version, pubDate, notesHtml }) => html`
<details class="notes"><summary>${version}, ${day(pubDate)}</summary>${raw(notesHtml)}</details>`,
)}`;
}

/** What is scrolled sideways has to be reached by the keyboard. */
function checksums(files: readonly PageFile[]): Html {
  return html`<h2>Checksums</h2>
<details><summary>SHA-256 of each file</summary>
<pre class="sums" tabindex="0" role="group" aria-label="SHA-256 of each file">${files.map(({ sha256, name }) => `${sha256}  ${name}\n`)}</pre></details>`;
}

function day(time: number): Html {
  return html`<time datetime="${formatTimestamp(time)}">${dateInWords(time)}</time>`;
}

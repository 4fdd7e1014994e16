import { html } from 'hono/html';
import type { Arch } from '../../protocol/platform.ts';
import { renderNotes } from '../download-page/render-notes.ts';
import { inXml } from '../download-page/xml-text.ts';
import type { FeedFile } from './release-files.ts';

/** An entry of an appcast: a release, with its file for each arch that is listed apart. */
export interface AppcastItem {
  readonly files: readonly [FeedFile, ...FeedFile[]];
  /** Sparkle offers it to those who chose the channel; undefined for everyone. */
  readonly channel?: string | undefined;
}

export interface Appcast {
  readonly title: string;
  /** For people. */
  readonly link: string;
  readonly items: readonly AppcastItem[];
  /** What the files are for, in the words of WinSparkle; undefined for those of macOS. */
  readonly system?: ((file: FeedFile) => string) | undefined;
}

/** What WinSparkle calls an arch; it knows no others. */
export const WINSPARKLE_ARCHS: Readonly<Partial<Record<Arch, string>>> = {
  x86_64: 'windows-x64',
  aarch64: 'windows-arm64',
  i686: 'windows-x86',
};

const NAMESPACE = 'http://www.andymatuschak.org/xml-namespaces/sparkle';

/** What Sparkle and WinSparkle read: RSS 2.0 with elements of Sparkle's. */
export async function appcast({ title, link, items, system }: Appcast): Promise<string> {
  const feed = await html`<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:sparkle="${NAMESPACE}">
<channel>
<title>${inXml(title)}</title>
<link>${link}</link>
<description>${inXml(title)} releases</description>
${items.map((item) => itemOf(item, system))}</channel>
</rss>
`;
  return feed.toString();
}

function itemOf({ files, channel }: AppcastItem, system: Appcast['system']) {
  const [{ update }] = files;
  const { version, display } = versionsOf(update.version);
  const { minimum_system_version: minimum, mandatory, notes } = update;
  const description = notes ? inXml(renderNotes(notes)) : '';
  return html`<item>
<title>${display}</title>
<pubDate>${dateOf(update.pub_date)}</pubDate>
<sparkle:version>${version}</sparkle:version>
<sparkle:shortVersionString>${display}</sparkle:shortVersionString>
${channel === undefined ? '' : html`<sparkle:channel>${channel}</sparkle:channel>\n`}${
  minimum ? html`<sparkle:minimumSystemVersion>${threeNumbers(minimum)}</sparkle:minimumSystemVersion>\n` : ''
}${mandatory ? html`<sparkle:criticalUpdate></sparkle:criticalUpdate>\n` : ''}${
  description === '' ? '' : html`<description>${description}</description>\n`
}${files.map((file) => enclosureOf(file, system?.(file)))}</item>
`;
}

function enclosureOf({ update, fileSize, signature }: FeedFile, system: string | undefined) {
  const ed = edSignature(signature);
  return html`<enclosure url="${update.url}" length="${fileSize}" type="application/octet-stream"${
    ed === undefined ? '' : html` sparkle:edSignature="${ed}"`
  }${system === undefined ? '' : html` sparkle:os="${system}"`}/>
`;
}

/**
 * Sparkle compares the number of a build (`CFBundleVersion`): build metadata of numbers is that (`1.2.0+1042`). Without it,
 * the whole version is.
 */
function versionsOf(version: string): { readonly version: string; readonly display: string } {
  const [, display, build] = /^([^+]+)\+(\d+(?:\.\d+)*)$/.exec(version) ?? [];
  return build === undefined || display === undefined
    ? { version, display: version }
    : { version: build, display };
}

/** What `sign_update` and `winsparkle-tool` print: 64 bytes in base64. Any other signature is for another updater. */
function edSignature(signature: string | null): string | undefined {
  const text = signature?.trim() ?? '';
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 64 && bytes.toString('base64') === text ? text : undefined;
}

/** RFC 822, with a number for the zone, which Sparkle reads. */
function dateOf(date: string | null | undefined): string {
  return new Date(date ?? 0).toUTCString().replace('GMT', '+0000');
}

/** WinSparkle reads three. */
function threeNumbers(version: string): string {
  return version.split('.').slice(0, 3).join('.');
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OtaError } from '../errors.ts';
import { LatestJsonResponse } from '../protocol/messages.ts';
import { parseSignature, signedNameOf } from '../protocol/minisign.ts';
import { DOCUMENTED_ARCHS, type Platform, platformCalled, platformName } from '../protocol/platform.ts';
import { matches } from '../protocol/validate.ts';
import { versionOfTag, whyNoVersion } from '../protocol/version.ts';
import { safeFileName } from '../runtime/safe-file-name.ts';
import { parseBoundedJson } from '../runtime/text/bounded-json.ts';
import type { ImportedFile, ImportedRelease } from './imported-release.ts';

/** How much of a wrong version a message shows, in characters. */
const SHOWN_VERSION = 64;

interface Entry {
  readonly platform: Platform;
  /** Whether the name says the arch, and not that the file is for all. */
  readonly isExact: boolean;
  readonly url: URL;
  readonly signature: string;
}

/** Tauri's static form, with a version that is one. */
export type LatestJson = Pick<LatestJsonResponse, 'version' | 'notes' | 'platforms'>;

/** @throws OtaError `usage` for what is none */
export function parseLatestJson(text: string, source: string): LatestJson {
  const found = parse(text);
  const version = found && versionOfTag(found.version);
  if (found !== undefined && version !== undefined) return { ...found, version };
  const reason =
    found === undefined
      ? ''
      : `: its version ${found.version.slice(0, SHOWN_VERSION)} ${whyNoVersion(found.version)}`;
  throw new OtaError('usage', `${source} is no latest.json of Tauri's updater${reason}`, {
    hint: 'It has a version, and platforms with url and signature each.',
  });
}

/**
 * Reads the release of one, as tauri-action writes it.
 * @param folder where files of these names may be: then they are not downloaded
 * @throws OtaError `usage`
 */
export function readLatestJson(text: string, source: string, folder?: string): ImportedRelease {
  const { version, notes, platforms } = parseLatestJson(text, source);
  const entries = withoutRepeats(
    Object.entries(platforms).flatMap(([name, file]) => entriesOf(name, file, source)),
  );
  if (entries.length === 0)
    throw new OtaError('usage', `${source} has no platforms, so there is nothing to import`);
  const byUrl = Map.groupBy(entries, ({ url, signature }) => `${url.href} ${signature}`);
  const files = [...byUrl.values()].flatMap((same) => fileOf(same, folder) ?? []);
  return { version, notes: notes?.trim() || undefined, files };
}

function parse(text: string): LatestJsonResponse | undefined {
  try {
    const found: unknown = parseBoundedJson(text);
    return matches(LatestJsonResponse, found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function entriesOf(
  name: string,
  file: { readonly url: string; readonly signature: string },
  source: string,
): Entry[] {
  const platform = platformCalled(name);
  const url = URL.canParse(file.url) ? new URL(file.url) : undefined;
  if (platform === undefined || !url || !/^https?:$/.test(url.protocol)) {
    throw new OtaError('usage', `${source} has a platform that cannot be imported: ${name}`, {
      hint: 'Import a copy of it without that entry.',
    });
  }
  const { arch, ...rest } = platform;
  const signature = file.signature.trim();
  return (arch === undefined ? DOCUMENTED_ARCHS : [arch]).map((one) => ({
    platform: { ...rest, arch: one },
    isExact: arch !== undefined,
    url,
    signature,
  }));
}

/**
 * One entry for each platform. tauri-action names a file by its kind of bundle, and one of them without, for old updaters:
 * where kinds are named, the server finds that by itself.
 */
function withoutRepeats(entries: readonly Entry[]): Entry[] {
  const byName = new Map<string, Entry>();
  for (const entry of entries.toSorted((a, b) => Number(a.isExact) - Number(b.isExact)))
    byName.set(platformName(entry.platform), entry);
  return [...byName.values()].filter(
    ({ platform, url }) =>
      platform.bundleType !== undefined ||
      ![...byName.values()].some(
        (other) =>
          other.platform.bundleType !== undefined &&
          other.url.href === url.href &&
          other.platform.target === platform.target &&
          other.platform.arch === platform.arch,
      ),
  );
}

function fileOf([first, ...others]: readonly Entry[], folder: string | undefined): ImportedFile | undefined {
  if (first === undefined) return undefined;
  const { url, signature } = first;
  const platforms = [first, ...others].map(({ platform }) => platform);
  const name = nameOf(url, signature);
  const here = folder === undefined ? undefined : join(folder, name);
  return { platforms, from: here && existsSync(here) ? here : url, name, signature };
}

/** By its URL; by its signature where that ends with a number, as the assets of private repositories do. */
function nameOf(url: URL, signature: string): string {
  const last = safeFileName(decoded(url.pathname.split('/').at(-1) ?? ''));
  if (/\.\w+$/.test(last)) return last;
  const parsed = parseSignature(signature);
  const signed = parsed.kind === 'signature' ? signedNameOf(parsed) : undefined;
  return safeFileName(signed ?? '') || last || 'file';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

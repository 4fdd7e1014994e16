import { createReadStream } from 'node:fs';
import { Parser } from 'tar/parse';
import type { ReadEntry } from 'tar/read-entry';
import { openPromise } from 'yauzl';
import { type BinaryHeader, HEAD_BYTES, parseBinaryHeader } from './binary-header.ts';

/** Largest `Info.plist` that is read, in bytes. */
const MAX_PLIST_BYTES = 1024 * 1024;

const PLIST = /^(?:\.\/)?[^/]+\.app\/Contents\/Info\.plist$/;
const EXECUTABLE = /^(?:\.\/)?[^/]+\.app\/Contents\/MacOS\/([^/]+)$/;
const APP_IMAGE = /^(?:\.\/)?[^/]+\.AppImage$/;

/** What a packed macOS app says of itself. */
export interface PackedApp {
  /** Of its executable; undefined when there is none, or which one it is cannot be told. */
  readonly header: BinaryHeader | undefined;
  /** `CFBundleShortVersionString`; undefined where there is none that can be read. */
  readonly version: string | undefined;
}

/**
 * Reads an `.app.tar.gz` as far as needed.
 * @throws when it is damaged
 */
export async function readPackedApp(file: string): Promise<PackedApp> {
  let plist: { executable?: string | undefined; version?: string | undefined } | undefined;
  const headers = new Map<string, BinaryHeader | undefined>();
  await readTar(file, (path) => {
    if (PLIST.test(path)) {
      return {
        bytes: MAX_PLIST_BYTES,
        take: (content) => {
          plist = parsePlist(content.toString('utf8'));
        },
        enough: () => plist?.executable !== undefined && headers.has(plist.executable),
      };
    }
    const executable = EXECUTABLE.exec(path)?.[1];
    if (executable === undefined) return undefined;
    return {
      bytes: HEAD_BYTES,
      take: (head) => headers.set(executable, parseBinaryHeader(head)),
      enough: () => plist?.executable !== undefined && headers.has(plist.executable),
    };
  });
  const name = plist?.executable ?? (headers.size === 1 ? [...headers.keys()][0] : undefined);
  return { header: name === undefined ? undefined : headers.get(name), version: plist?.version };
}

/**
 * Reads the header of the AppImage in an `.AppImage.tar.gz`; undefined when there is none.
 * @throws when it is damaged
 */
export async function readPackedAppImage(file: string): Promise<BinaryHeader | undefined> {
  let found: BinaryHeader | undefined;
  await readTar(file, (path) =>
    APP_IMAGE.test(path)
      ? {
          bytes: HEAD_BYTES,
          take: (head) => {
            found = parseBinaryHeader(head);
          },
          enough: () => true,
        }
      : undefined,
  );
  return found;
}

/**
 * Lists what is in a zip, by name.
 * @throws when it is damaged
 */
export async function listZip(file: string): Promise<string[]> {
  const zip = await openPromise(file, { lazyEntries: true, autoClose: false });
  try {
    const names: string[] = [];
    for await (const { fileName } of zip.eachEntry()) names.push(fileName);
    return names;
  } finally {
    zip.close();
  }
}

/** What is wanted of an entry: its first bytes. */
interface Wanted {
  readonly bytes: number;
  readonly take: (head: Buffer) => void;
  /** Whether the rest of the archive need not be read. */
  readonly enough: () => boolean;
}

/** Walks a gzipped tar, and stops as soon as it has enough. */
async function readTar(file: string, want: (path: string) => Wanted | undefined): Promise<void> {
  let failure: unknown;
  let enough = false;
  const onReadEntry = (entry: ReadEntry) => {
    const wanted = entry.type === 'File' ? want(entry.path) : undefined;
    if (wanted === undefined) return entry.resume();
    const chunks: Buffer[] = [];
    let kept = 0;
    entry.on('data', (chunk) => {
      if (kept < wanted.bytes) chunks.push(chunk.subarray(0, wanted.bytes - kept));
      kept += chunk.length;
    });
    entry.on('end', () => {
      wanted.take(Buffer.concat(chunks));
      enough ||= wanted.enough();
    });
  };
  const parser = new Parser({ strict: true, onReadEntry });
  parser.on('error', (error) => {
    failure ??= error;
  });
  const ended = new Promise<void>((resolve) => {
    parser.on('end', resolve).on('error', () => resolve());
  });
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    parser.write(chunk);
    if (enough || failure !== undefined) break;
  }
  if (!enough && failure === undefined) {
    parser.end();
    await ended;
  }
  if (!enough && failure !== undefined) throw failure;
}

/** The two values needed of an XML property list. */
function parsePlist(xml: string): { executable?: string | undefined; version?: string | undefined } {
  return {
    executable: plistValue(xml, 'CFBundleExecutable'),
    version: plistValue(xml, 'CFBundleShortVersionString'),
  };
}

function plistValue(xml: string, key: string): string | undefined {
  const text = new RegExp(`<key>${key}</key>\\s*<string>([^<]*)</string>`).exec(xml)?.[1];
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text?.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name] ?? '');
}

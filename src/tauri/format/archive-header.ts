import { createReadStream } from 'node:fs';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { type BinaryHeader, HEAD_BYTES, parseBinaryHeader } from '../../protocol/bundle/binary-header.ts';
import { MAX_MEMBERS, readTar } from './tar-reader.ts';

const MAX_PLIST_BYTES = 1024 * 1024;

const PLIST = /^(?:\.\/)?[^/]+\.app\/Contents\/Info\.plist$/;
const EXECUTABLE = /^(?:\.\/)?([^/]+)\.app\/Contents\/MacOS\/([^/]+)$/;
const APP_IMAGE = /^(?:\.\/)?[^/]+\.AppImage$/;

export interface PackedApp {
  /** Of its folder, without `.app`; undefined where there is no executable. */
  readonly name: string | undefined;
  /** Of its executable; undefined when there is none, or several and no `Info.plist` names one. */
  readonly header: BinaryHeader | undefined;
  readonly version: string | undefined; // `CFBundleShortVersionString`
}

/**
 * Reads an `.app.tar.gz` as far as needed.
 * @throws Error when it is damaged
 */
export async function readPackedApp(file: string): Promise<PackedApp> {
  let plist: { executable?: string | undefined; version?: string | undefined } | undefined;
  let appName: string | undefined;
  const headers = new Map<string, BinaryHeader | undefined>();
  const enough = () => plist?.executable !== undefined && headers.has(plist.executable);
  await readTar(bytesOf(file), (path) => {
    if (PLIST.test(path)) {
      return {
        bytes: MAX_PLIST_BYTES,
        take: (content) => {
          plist = parsePlist(content.toString('utf8'));
        },
        enough,
      };
    }
    const [, folder, executable] = EXECUTABLE.exec(path) ?? [];
    if (executable === undefined) return undefined;
    appName ??= folder;
    return {
      bytes: HEAD_BYTES,
      take: (head) => headers.set(executable, parseBinaryHeader(head)),
      enough,
    };
  });
  const name = plist?.executable ?? (headers.size === 1 ? [...headers.keys()][0] : undefined);
  const header = name === undefined ? undefined : headers.get(name);
  return { name: appName, header, version: plist?.version };
}

/**
 * Reads the header of the AppImage in an `.AppImage.tar.gz`; undefined when there is none.
 * @throws Error when it is damaged
 */
export async function readPackedAppImage(file: string): Promise<BinaryHeader | undefined> {
  let found: BinaryHeader | undefined;
  await readTar(bytesOf(file), (path) =>
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

export interface ZipEntry {
  readonly name: string; // its path in the zip
  readonly head?: Buffer; // its first bytes, where they were selected
}

/**
 * Lists the files in a zip.
 * @param selects whether to read the head of the file with a name
 * @throws Error when it is damaged, has too many members, or a selected file is encrypted
 */
export async function readZip(file: string, selects: (name: string) => boolean): Promise<ZipEntry[]> {
  const zip = await openPromise(file, { lazyEntries: true, autoClose: false });
  try {
    if (zip.entryCount > MAX_MEMBERS) throw new Error(`it has more than ${MAX_MEMBERS} members`);
    const entries: ZipEntry[] = [];
    for await (const entry of zip.eachEntry()) {
      const { fileName: name } = entry;
      entries.push(selects(name) ? { name, head: await readEntryHead(zip, entry) } : { name });
    }
    return entries;
  } finally {
    zip.close();
  }
}

async function readEntryHead(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let kept = 0;
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    chunks.push(chunk);
    kept += chunk.length;
    if (kept >= HEAD_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, HEAD_BYTES);
}

function bytesOf(file: string): AsyncIterable<Buffer> {
  return createReadStream(file, { highWaterMark: 256 * 1024 });
}

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

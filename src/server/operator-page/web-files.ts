import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** A file of the built page, with its compressed forms. */
export interface WebFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly br: Buffer | undefined;
  readonly gzip: Buffer | undefined;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** Reads the built page: a few small files, by their names. None where it was not built. */
export async function readWebFiles(folder: string): Promise<ReadonlyMap<string, WebFile>> {
  const names = await readdir(folder).catch(() => []);
  const files = names.map(async (name): Promise<[string, WebFile][]> => {
    const type = TYPES[extname(name)];
    if (type === undefined) return [];
    const read = (ending: string) => readFile(join(folder, name + ending));
    const [plain, br, gzip] = await Promise.all([
      read(''),
      read('.br').catch(() => undefined),
      read('.gz').catch(() => undefined),
    ]);
    return [[name, { type, plain, br, gzip }]];
  });
  return new Map((await Promise.all(files)).flat());
}

/** The form that a client takes. */
export function encodedFor(
  { plain, br, gzip }: WebFile,
  acceptEncoding: string | undefined,
): { readonly body: Buffer; readonly encoding: 'br' | 'gzip' | undefined } {
  const accepted = (acceptEncoding ?? '').split(',').map((each) => each.split(';')[0]?.trim());
  if (br && accepted.includes('br')) return { body: br, encoding: 'br' };
  if (gzip && accepted.includes('gzip')) return { body: gzip, encoding: 'gzip' };
  return { body: plain, encoding: undefined };
}

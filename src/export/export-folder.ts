import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../runtime/error-details.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import {
  type ExportPlace,
  notAnExport,
  otherBytes,
  overdue,
  parseState,
  STATE_FILE,
} from './export-place.ts';
import type { ExportedFile } from './static-answers.ts';

export type HashFile = (file: string) => Promise<string>;

export class ExportFolder implements ExportPlace {
  readonly #root: string;
  readonly #hashFile: HashFile;
  readonly #kept = new Set<string>([STATE_FILE]);

  private constructor(root: string, hashFile: HashFile) {
    this.#root = root;
    this.#hashFile = hashFile;
  }

  /** @throws OtaError `usage` for a folder that something else has filled */
  static async open(root: string, hashFile: HashFile): Promise<ExportFolder> {
    await makeFolder(root);
    const entries = await readdir(root);
    if (entries.length > 0 && !entries.includes(STATE_FILE)) throw notAnExport(root);
    const folder = new ExportFolder(root, hashFile);
    if (entries.length === 0) await folder.write(STATE_FILE, '{"unreferenced":{}}\n');
    return folder;
  }

  async write(path: string, text: string): Promise<void> {
    this.#kept.add(path);
    const before = await readFile(join(this.#root, path), 'utf8').catch(() => undefined);
    if (before !== text) await this.#place(path, (handle) => handle.writeFile(text));
  }

  async fetch({ path, size, sha256 }: ExportedFile, read: () => AsyncIterable<Uint8Array>): Promise<boolean> {
    this.#kept.add(path);
    const file = join(this.#root, path);
    const there = await stat(file).catch(() => undefined);
    if (there?.size === size && (await this.#hashFile(file)) === sha256) return false;
    await this.#place(path, async (handle) => {
      const digest = createHash('sha256');
      let written = 0;
      for await (const chunk of read()) {
        digest.update(chunk);
        await writeAll(handle, chunk);
        written += chunk.length;
      }
      if (written !== size || digest.digest('hex') !== sha256) throw otherBytes(path);
    });
    return true;
  }

  async removeOthers(now: Date, graceMs: number): Promise<string[]> {
    const before = parseState(await readFile(join(this.#root, STATE_FILE), 'utf8'));
    const all = await readdir(this.#root, { recursive: true, withFileTypes: true });
    const others = all
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.#root.length + 1))
      .filter((path) => !this.#kept.has(path));
    const { due, state } = overdue(others, before, { now, graceMs });
    for (const path of due) await rm(join(this.#root, path), { force: true });
    await this.write(STATE_FILE, `${JSON.stringify(state)}\n`);
    return [...due];
  }

  async #place(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
    const file = join(this.#root, path);
    await makeFolder(dirname(file)).catch((error) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
    const part = partOf(file);
    const handle = await open(part, 'w');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  }
}

/** Another one for each run. What is left of one is removed like other files. */
function partOf(file: string): string {
  return `${file}.${randomUUID()}.part`;
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten;
}

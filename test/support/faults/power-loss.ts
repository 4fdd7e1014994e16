import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { CALLS, type Call } from './shim.ts';

const HEADER_SIZE = 24;
const PAGE = 4096;

/** A call that was made, as the shim records it. */
export interface RecordedCall {
  readonly call: Call;
  readonly path: string;
  /** Of a rename or link. */
  readonly to: string;
  /** Where it writes, or the length that it truncates to. */
  readonly offset: number;
  readonly data: Buffer;
  /** Where its record ends. */
  readonly end: number;
}

export function readCalls(record: Buffer): RecordedCall[] {
  const calls: RecordedCall[] = [];
  for (let at = 0; at + HEADER_SIZE <= record.length; ) {
    const [kind = 0, pathLength = 0, toLength = 0, dataLength = 0] = [0, 4, 8, 12].map((field) =>
      record.readUInt32LE(at + field),
    );
    const offset = Number(record.readBigInt64LE(at + 16));
    let next = at + HEADER_SIZE;
    const take = (length: number) => {
      next += length;
      return record.subarray(next - length, next);
    };
    const [path, to, data] = [take(pathLength).toString(), take(toLength).toString(), take(dataLength)];
    calls.push({ call: CALLS[kind] ?? 'write', path, to, offset, data, end: next });
    at = next;
  }
  return calls;
}

/** How much the disk has of what was not made durable: nothing, a random part of it, or all. */
export type Kept = 'nothing' | 'some' | 'everything';

/** A change of a file's bytes. */
type Change = { readonly offset: number; readonly data: Buffer } | { readonly length: number };
type Entry = { readonly name: string; readonly node: Node | undefined };

/** A file, or a folder. */
interface Node {
  readonly isFolder: boolean;
  /** What a loss of power leaves. */
  durable: Buffer;
  changes: Change[];
  /** Entries of a folder, by name. */
  readonly entries: Map<string, Node>;
  readonly durableEntries: Map<string, Node>;
  /** Those of one call together. */
  entryChanges: (readonly Entry[])[];
}

function newNode(isFolder: boolean, durable = Buffer.alloc(0)): Node {
  return { isFolder, durable, changes: [], entries: new Map(), durableEntries: new Map(), entryChanges: [] };
}

/**
 * What a disk has of a folder, by the strict reading of POSIX: bytes are there after the fsync of their file, names after that of
 * their folder.
 */
export class StrictDisk {
  readonly #folder: string;
  readonly #root: Node;

  /** @param initial a folder with what is there already; by default nothing is */
  constructor(folder: string, initial?: string) {
    this.#folder = folder;
    this.#root = initial === undefined ? newNode(true) : load(initial);
  }

  apply({ call, path, to, offset, data }: RecordedCall): void {
    const node = this.#find(path);
    switch (call) {
      case 'write':
        node?.changes.push({ offset, data });
        break;
      case 'truncate':
        node?.changes.push({ length: offset });
        break;
      case 'fsync':
        if (node) makeDurable(node);
        break;
      case 'create':
      case 'mkdir':
        this.#change([path, newNode(call === 'mkdir')]);
        break;
      case 'unlink':
        this.#change([path, undefined]);
        break;
      case 'link':
        this.#change([to, node]);
        break;
      case 'rename':
        this.#change([to, node], [path, undefined]);
    }
  }

  /** Writes what is there after a loss of power now. */
  writeTo(target: string, kept: Kept): void {
    mkdirSync(target, { recursive: true });
    writeFolder(this.#root, target, kept);
  }

  #find(path: string): Node | undefined {
    const way = relative(this.#folder, path);
    if (way === '') return this.#root;
    return way.split('/').reduce<Node | undefined>((node, name) => node?.entries.get(name), this.#root);
  }

  #change(...entries: (readonly [path: string, node: Node | undefined])[]): void {
    const folders = new Set(entries.map(([path]) => dirname(path)));
    for (const path of folders) {
      const changed = entries.filter(([entry]) => dirname(entry) === path);
      const changes = changed.map(([entry, node]) => ({ name: relative(path, entry), node }));
      const folder = this.#find(path);
      folder?.entryChanges.push(changes);
      for (const change of changes) if (folder) enter(folder.entries, change);
    }
  }
}

function enter(entries: Map<string, Node>, { name, node }: Entry): void {
  if (node === undefined) entries.delete(name);
  else entries.set(name, node);
}

function makeDurable(node: Node): void {
  node.durable = contentOf(node, 'everything');
  node.changes = [];
  for (const change of node.entryChanges.flat()) enter(node.durableEntries, change);
  node.entryChanges = [];
}

function contentOf({ durable, changes }: Node, kept: Kept): Buffer {
  let content: Buffer = Buffer.from(durable);
  for (const change of kept === 'nothing' ? [] : changes) {
    if ('length' in change) {
      if (kept === 'everything' || randomInt(2) === 1) content = resized(content, change.length);
    } else {
      for (const { offset, data } of kept === 'everything'
        ? [change]
        : pagesOf(change).filter(() => randomInt(2) === 1)) {
        content = resized(content, Math.max(content.length, offset + data.length));
        data.copy(content, offset);
      }
    }
  }
  return content;
}

function pagesOf({ offset, data }: { readonly offset: number; readonly data: Buffer }) {
  const pages: { offset: number; data: Buffer }[] = [];
  for (let at = 0; at < data.length; ) {
    const length = Math.min(PAGE - ((offset + at) % PAGE), data.length - at);
    pages.push({ offset: offset + at, data: data.subarray(at, at + length) });
    at += length;
  }
  return pages;
}

function resized(content: Buffer, length: number): Buffer {
  return length <= content.length
    ? content.subarray(0, length)
    : Buffer.concat([content, Buffer.alloc(length - content.length)]);
}

function writeFolder(folder: Node, target: string, kept: Kept): void {
  const entries = new Map(folder.durableEntries);
  const count = {
    nothing: 0,
    some: randomInt(folder.entryChanges.length + 1),
    everything: folder.entryChanges.length,
  };
  for (const change of folder.entryChanges.slice(0, count[kept]).flat()) enter(entries, change);
  for (const [name, node] of entries) {
    const path = join(target, name);
    if (node.isFolder) {
      mkdirSync(path, { mode: 0o700 });
      writeFolder(node, path, kept);
    } else writeFileSync(path, contentOf(node, kept), { mode: 0o600 });
  }
}

function load(path: string): Node {
  if (!statSync(path).isDirectory()) return newNode(false, readFileSync(path));
  const folder = newNode(true);
  for (const name of readdirSync(path)) {
    const node = load(join(path, name));
    folder.entries.set(name, node);
    folder.durableEntries.set(name, node);
  }
  return folder;
}

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { tempFolder } from '../process/temp-folder.ts';

const SOURCE = join(import.meta.dirname, 'shim.c');
const NUMBER_SIZE = 8;
const NUMBERS = 8;

/** The calls that change a folder, in the order of the shim's numbers. */
export const CALLS = ['write', 'fsync', 'rename', 'link', 'unlink', 'mkdir', 'create', 'truncate'] as const;
export type Call = (typeof CALLS)[number];

/** What happens at a call. An error is that of the one call, or of it and all after it. */
export type Fault = 'kill before' | 'kill after' | { readonly once: Errno } | { readonly from: Errno };
export type Errno = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE';

/** Where the numbers of `struct control` are. */
const FIELD = { armed: 0, count: 1, at: 2, action: 3, error: 4, kinds: 5, fired: 6 } as const;

export interface Armed {
  /** The number of the call, from 1; left out, calls are only counted. */
  readonly at?: number;
  readonly fault?: Fault;
  /** Those that are counted; all by default. */
  readonly calls?: readonly Call[];
}

function hasCompiler(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
}

/** `test` for what needs the shim; its name says why it is skipped. */
export const testWithFaults = hasCompiler()
  ? test
  : (name: string, run: () => Promise<void>, timeout?: number) =>
      test.skip(`${name} (needs Linux and a C compiler, cc)`, run, timeout);

let compiled: Promise<string> | undefined;

async function compile(): Promise<string> {
  const library = join(await mkdtemp(join(tmpdir(), 'synckit-ota-shim-')), 'shim.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl', '-lpthread']);
  return library;
}

/** Counts the calls of a process that change a folder or file, and disturbs one of them. */
export class Faults {
  /** The environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly #control: string;

  private constructor(control: string, env: Readonly<Record<string, string>>) {
    this.#control = control;
    this.env = env;
  }

  /** @param folder one that exists, or a file in one */
  static async in(folder: string, name = ''): Promise<Faults> {
    compiled ??= compile();
    const control = join(await tempFolder(), 'control');
    await writeFile(control, Buffer.alloc(NUMBERS * NUMBER_SIZE));
    return new Faults(control, {
      LD_PRELOAD: await compiled,
      SHIM_FOLDER: join(await realpath(folder), name),
      SHIM_CONTROL: control,
    });
  }

  /** From now on calls are counted anew. */
  arm({ at = 0, fault = 'kill before', calls = CALLS }: Armed = {}): void {
    this.#set('armed', 0);
    this.#set('count', 0);
    this.#set('fired', 0);
    this.#set('at', at);
    this.#set('action', actionOf(fault));
    this.#set(
      'error',
      typeof fault === 'string' ? 0 : constants.errno['once' in fault ? fault.once : fault.from],
    );
    this.#set(
      'kinds',
      calls.reduce((bits, call) => bits | (1 << CALLS.indexOf(call)), 0),
    );
    this.#set('armed', 1);
  }

  disarm(): void {
    this.#set('armed', 0);
  }

  get count(): number {
    return this.#get('count');
  }

  /** How often the fault has happened. */
  get fired(): number {
    return this.#get('fired');
  }

  #set(field: keyof typeof FIELD, value: number): void {
    const number = Buffer.alloc(NUMBER_SIZE);
    number.writeBigUInt64LE(BigInt(value));
    const file = openSync(this.#control, 'r+');
    writeSync(file, number, 0, NUMBER_SIZE, FIELD[field] * NUMBER_SIZE);
    closeSync(file);
  }

  #get(field: keyof typeof FIELD): number {
    const number = Buffer.alloc(NUMBER_SIZE);
    const file = openSync(this.#control, 'r');
    readSync(file, number, 0, NUMBER_SIZE, FIELD[field] * NUMBER_SIZE);
    closeSync(file);
    return Number(number.readBigUInt64LE());
  }
}

/** Has all calls on a folder recorded. @returns the environment of the process, and the record's file */
export async function recordCalls(folder: string): Promise<{ env: Record<string, string>; record: string }> {
  compiled ??= compile();
  const record = join(await tempFolder(), 'record');
  writeFileSync(record, '');
  const env = { LD_PRELOAD: await compiled, SHIM_FOLDER: await realpath(folder), SHIM_RECORD: record };
  return { env, record };
}

function actionOf(fault: Fault): number {
  if (fault === 'kill before') return 1;
  if (fault === 'kill after') return 2;
  return 'once' in fault ? 3 : 4;
}

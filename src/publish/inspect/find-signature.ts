import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Checked, collect, type IssueId, ok, refused } from '../../issue.ts';
import { MAX_SIGNATURE_LENGTH } from '../../protocol/messages.ts';
import { wrapSignature } from '../../protocol/minisign.ts';
import { SIGNATURE_ENDINGS } from '../../tauri/bundle/bundle-tree.ts';
import { signatureText } from '../../tauri/format/signature-text.ts';
import { unreadable } from './try-to-hash.ts';

export interface FoundSignature {
  /** Where it was found. */
  readonly file: string;
  readonly text: string; // as Tauri's updater takes it
  /** Whether the text is the base64 of a signature that is no text. */
  readonly isBinary: boolean;
}

export interface FindSignatureOptions {
  /** Whether hints can assume a Tauri project. */
  readonly isTauri: boolean;
}

/** Reads the signature beside a file: `FILE.sig`, or `FILE.minisig` as `minisign` names it. */
export async function findSignature(
  file: string,
  options: FindSignatureOptions,
): Promise<Checked<FoundSignature>> {
  const names = SIGNATURE_ENDINGS.map((ending) => file + ending);
  const existing: string[] = [];
  for (const name of names) if (await stat(name).catch(() => undefined)) existing.push(name);
  const hint = howToSign(options);
  if (existing.length === 0) {
    const message = `${names[0]} does not exist`;
    return refused({ id: 'signature.missing', code: 'usage', message, hint });
  }
  const found = collect(await Promise.all(existing.map((name) => readSignature(name, hint))));
  const [first, second] = found.values;
  if (first === undefined || found.issues.length > 0) return refused(...found.issues);
  if (second !== undefined && second.text !== first.text) {
    const message = `${first.file} and ${second.file} are different signatures`;
    return refused({ id: 'signature.two', code: 'usage', message, hint: 'Remove the wrong one.', file });
  }
  return ok(first);
}

/** Who does not use Tauri signs with minisign itself. */
export function howToSign({ isTauri }: FindSignatureOptions): string {
  return isTauri
    ? 'Sign the bundle: set bundle.createUpdaterArtifacts in tauri.conf.json, or run `tauri signer sign`.'
    : 'Sign the file: `minisign -Sm FILE` writes FILE.minisig.';
}

async function readSignature(file: string, hint: string): Promise<Checked<FoundSignature>> {
  const issue = (id: IssueId, problem: string, code: 'usage' | 'preflight_refused' = 'usage') =>
    refused({ id, code, message: `${file} ${problem}`, hint });
  try {
    const stats = await stat(file);
    if (!stats.isFile()) return issue('signature.not_a_file', 'is not a file');
    if (stats.size > MAX_SIGNATURE_LENGTH) {
      const problem = `is too large for a signature (${stats.size} bytes)`;
      return issue('signature.too_large', problem, 'preflight_refused');
    }
    if (await leadsElsewhere(file)) {
      return issue('signature.elsewhere', 'is a link to another folder', 'preflight_refused');
    }
    const bytes = await readFile(file);
    if (bytes.length !== stats.size) return issue('signature.not_a_file', 'is not a regular file');
    const read = signatureText(bytes);
    if (read.kind === 'undecodable') return issue('signature.encoding', `cannot be read: ${read.reason}`);
    const isBinary = read.kind === 'binary';
    const text = isBinary ? read.base64 : wrapSignature(read.text); // a newline at the end breaks every client
    if (text === '') return issue('signature.empty', 'is empty');
    if (text.length <= MAX_SIGNATURE_LENGTH) return ok({ file, text, isBinary });
    const problem = `is too large for a signature (${text.length} characters as base64)`;
    return issue('signature.too_large', problem, 'preflight_refused');
  } catch (error) {
    return unreadable(file, error);
  }
}

/** A signature is published, so a link must not make any file of this machine one. */
async function leadsElsewhere(signature: string): Promise<boolean> {
  const signed = signature.replace(/\.[^.]+$/, '');
  const folders = [dirname(signature), dirname(await realpath(signed).catch(() => signature))];
  const allowed = await Promise.all(folders.map((folder) => realpath(folder)));
  return !allowed.includes(dirname(await realpath(signature)));
}

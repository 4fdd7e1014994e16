import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OtaError } from '../../errors.ts';
import { messageOf } from '../../runtime/error-details.ts';
import type { Context } from '../context.ts';
import { canAsk, confirm } from '../prompt/ask.ts';
import { type PlannedFile, toText } from './plan-files.ts';

export interface WriteOptions {
  readonly yes?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface FileResult {
  readonly file: string;
  readonly action: string;
}

const STOPPED = 'stopped: what was written before stays';

/** Shows each change, and makes those that are agreed to. */
export async function writeFiles(
  planned: readonly PlannedFile[],
  { yes = false, dryRun = false }: WriteOptions,
  context: Context,
): Promise<FileResult[]> {
  const results: FileResult[] = [];
  for (const each of planned) {
    context.output.note([
      `${each.lines === undefined ? 'Change it by hand' : 'To be written'}: ${each.file}`,
      ...each.diff,
      '',
    ]);
    const mayWrite = each.lines !== undefined && (yes || (!dryRun && canAsk()));
    const isWritten = mayWrite && (yes || (await confirm(`Write ${each.file}?`, STOPPED, context)));
    if (isWritten && !dryRun) write(each);
    results.push({ file: each.file, action: actionOf(each, isWritten, dryRun) });
  }
  return results;
}

/** @throws OtaError `usage` where there was no terminal to ask on */
export function requireAnswered(planned: readonly PlannedFile[], { yes, dryRun }: WriteOptions): void {
  const isOpen = planned.some(({ lines }) => lines !== undefined) && !yes && !dryRun;
  if (!isOpen || canAsk()) return;
  throw new OtaError('usage', 'nothing was changed: there is no terminal to ask on', {
    hint: 'Pass --yes to make all changes, or --dry-run to only see them.',
  });
}

function actionOf({ lines }: PlannedFile, isWritten: boolean, dryRun: boolean): string {
  if (lines === undefined) return 'by hand';
  if (dryRun) return 'planned';
  return isWritten ? 'written' : 'skipped';
}

function write({ file, lines = [] }: PlannedFile): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, toText(lines));
  } catch (cause) {
    throw new OtaError('usage', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
}

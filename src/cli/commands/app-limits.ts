import {
  type AppLimits,
  type AppUsage,
  isSizeLimit,
  LIMIT_NAMES,
  type LimitName,
} from '../../database/app-limits.ts';
import { type LimitChanges, limitsOf, setLimits } from '../../database/queries/app-limits.ts';
import { formatBytes, sizeInWords } from '../../protocol/upload/size-in-words.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readSize } from '../options/quantities.ts';
import { readInteger } from '../options/remote-options.ts';
import { appCalled } from '../wiring/called.ts';
import { withStore } from '../wiring/open-store.ts';
import type { AppsSetLimitsOptions } from './apps-command.ts';

export async function runAppsSetLimits(
  options: AppsSetLimitsOptions,
  context: Context,
  reference: string,
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const changes = readChanges(options, errors);
  if (errors.isEmpty && Object.keys(changes).length === 0)
    errors.add('no limit given: pass one or more, like --drafts 1000');
  errors.throwIfAny();
  await withStore({ ...options, effect: 'adds' }, context, async ({ queries }, by) => {
    const { id, name } = await appCalled(queries, reference, output);
    await setLimits(queries, { appId: id, changes }, by);
    const limits = await limitsOf(queries, id, by.now);
    output.document({ id, limits: limitsDocument(limits) });
    output.result([
      `Changed the limits of ${name}:`,
      ...formatTable(limitRows(limits), { width: output.columns }),
    ]);
  });
}

function readChanges(options: AppsSetLimitsOptions, errors: OptionErrors): LimitChanges {
  const given: Readonly<Record<LimitName, string | undefined>> = {
    releases: options.releases,
    drafts: options.drafts,
    pending_uploads: options.pendingUploads,
    channels: options.channels,
    slugs: options.slugs,
    notes_bytes: options.notesBytes,
    stored_bytes: options.storedBytes,
    hourly_changes: options.hourlyChanges,
  };
  return Object.fromEntries(
    LIMIT_NAMES.flatMap((name) => {
      const text = given[name]?.trim();
      return text === undefined ? [] : [[name, readLimit(name, text, errors)] as const];
    }),
  );
}

function readLimit(name: LimitName, text: string, errors: OptionErrors): number | 'default' | null {
  if (text === 'default') return 'default';
  if (text === 'unlimited') return null;
  const option = `--${name.replaceAll('_', '-')}`;
  if (isSizeLimit(name) && text !== '0') return readSize(option, text, errors);
  return readInteger({ option, text, min: 0 }, errors);
}

interface LimitedApp {
  readonly used: AppUsage;
  readonly limits: AppLimits;
}

/** What an app has and may have, by the name of the limit. */
export function limitsDocument({ used, limits }: LimitedApp) {
  return Object.fromEntries(
    LIMIT_NAMES.map((name) => [name, { used: used[name], limit: limits[name] }] as const),
  );
}

/** The same as rows of a table. */
export function limitRows({ used, limits }: LimitedApp): string[][] {
  return LIMIT_NAMES.map((name) => {
    const number = (value: number) => value.toLocaleString('en');
    const [amount, limit] = [used[name], limits[name]];
    const has = isSizeLimit(name) ? formatBytes(amount) : number(amount);
    const most = limit === null ? 'no limit' : `of ${isSizeLimit(name) ? sizeInWords(limit) : number(limit)}`;
    return [`limit: ${name.replaceAll('_', ' ')}`, `${has}, ${most}`];
  });
}

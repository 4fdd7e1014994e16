import { listApps } from '../../database/queries/apps.ts';
import { auditHead, listAudit } from '../../database/queries/audit.ts';
import { auditDocument, formatEntry } from '../audit/audit-entry.ts';
import { readSince } from '../audit/read-since.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readInteger } from '../options/remote-options.ts';
import { appCalled, noteFilter } from '../wiring/called.ts';
import { withStore } from '../wiring/open-store.ts';
import type { AuditCheckpointOptions, AuditOptions } from './audit-command.ts';

const MAX_ENTRIES = 100_000;

export async function runAudit(options: AuditOptions, context: Context): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const limit = readInteger({ option: '--limit', text: options.limit, min: 1, max: MAX_ENTRIES }, errors);
  const since = readSince(options.since, errors);
  errors.throwIfAny();
  await withStore({ ...options, effect: 'reads' }, context, async ({ queries, clock }) => {
    const appId = options.app ? (await appCalled(queries, options.app, output)).id : undefined;
    noteFilter(options.app, context);
    const entries = await listAudit(queries, { appId, since: since?.(clock()), limit });
    output.document(entries.map(auditDocument));
    if (entries.length === 0) return output.result('No entries.');
    const names = new Map((await listApps(queries)).map(({ id, slug, name }) => [id, slug ?? name]));
    const format = { names, style: output.style, width: output.columns };
    output.result(entries.flatMap((entry) => formatEntry(entry, format)));
  });
}

export async function runAuditCheckpoint(options: AuditCheckpointOptions, context: Context): Promise<void> {
  await withStore({ ...options, effect: 'reads' }, context, async ({ queries }) => {
    const { seq, hash } = await auditHead(queries);
    context.output.document({ seq, hash });
    context.output.result(`${seq} ${hash}`);
  });
}

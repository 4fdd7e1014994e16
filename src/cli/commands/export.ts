import { readAppReleases } from '../../client/app-releases.ts';
import { hashFile } from '../../client/transfer/hash-file.ts';
import { exportApp } from '../../export/export-app.ts';
import type { Context } from '../context.ts';
import { openDestination, readBaseUrl, readDestination } from '../export/export-destination.ts';
import { formatCount } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { DAY_MS, readDuration } from '../options/quantities.ts';
import { whileWaiting } from '../output/spinner.ts';
import { connectForApp } from '../wiring/connect.ts';
import type { ExportOptions } from './export-command.ts';

const MAX_GRACE_MS = 3650 * DAY_MS;

const EXPORT_HINT = 'Export from a server of synckit-ota, or another one with the extension app.';

/** Writes the answers to update checks as static files. */
export async function runExport(options: ExportOptions, context: Context, text: string): Promise<void> {
  const errors = new OptionErrors();
  const baseUrl = readBaseUrl('--base-url', options.baseUrl, errors);
  const grace = { option: '--grace', text: options.grace, min: 0, max: MAX_GRACE_MS, bare: 'd' } as const;
  const graceMs = readDuration(grace, errors);
  const place = readDestination({ text, option: 'the destination', bucket: options }, errors);
  const remote = connectForApp(options, context, { errors });
  const { signal } = remote;
  try {
    const destination = await openDestination(place, async (file) => (await hashFile(file, signal)).sha256);
    try {
      const { open } = destination;
      const source = { ...remote, readApp: () => readAppReleases(remote, EXPORT_HINT) };
      const exported = await whileWaiting(context.output, 'Exporting', () =>
        exportApp(source, { open, baseUrl, graceMs, now: new Date() }),
      );
      const { slug, channels, versions, answers, files, downloaded, removed, endpoint } = exported;
      context.output.document({ slug, channels, versions, answers, files, downloaded, removed, endpoint });
      context.output.result([
        `Exported ${slug}: ${formatCount(answers, 'answer')} for ${formatCount(versions.length, 'version')}, ${formatCount(files, 'file')} (${downloaded} new)`,
        ...removed.map((path) => `Removed ${path}`),
        `Endpoint: ${endpoint}`,
      ]);
    } finally {
      destination.close();
    }
  } finally {
    await remote.transport.close();
  }
}

import type { CopyPlan } from '../../copy/copy-store.ts';
import { formatBytes } from '../format.ts';
import type { S3Settings } from '../options/storage-options.ts';
import { placeOf } from '../options/storage-options.ts';

export interface CopyResult {
  readonly plan: CopyPlan;
  /** `same`: everything was there already. */
  readonly status: 'copied' | 'same' | 'planned';
  /** What had to be sent. */
  readonly sent: { readonly files: number; readonly bytes: number };
  /** Where the database is, without credentials; undefined in a plan, which asks nobody. */
  readonly database: string | undefined;
  readonly s3: S3Settings;
}

/** The document of `copy --json`. */
export function copyDocument({ plan, status, sent, database, s3 }: CopyResult) {
  const { apps, tokens, releases } = plan.rows;
  return {
    status: status === 'same' ? 'unchanged' : status,
    apps: apps.length,
    releases: releases.length,
    tokens: tokens.length,
    files: { total: plan.files.length, bytes: plan.bytes, sent: sent.files, sent_bytes: sent.bytes },
    promised_uploads: plan.promised,
    database: database ?? null,
    storage: placeOf(s3),
  };
}

/** The same for people, with what to do next. */
export function formatCopy(result: CopyResult): string {
  const { plan, status, sent, database, s3 } = result;
  const { apps, tokens, releases } = plan.rows;
  const what = `${count(apps, 'app')}, ${count(releases, 'release')}, ${count(tokens, 'token')} and ${count(plan.files, 'file')} (${formatBytes(plan.bytes)})`;
  const promised =
    plan.promised === 0
      ? []
      : [
          `${plan.promised === 1 ? 'One upload was' : `${plan.promised} uploads were`} promised by the old server and never made: the URLs lead nowhere now, so run those publishes again.`,
        ];
  if (status === 'planned') {
    return [`Would copy ${what} to ${placeOf(s3)}. Nobody was asked yet what is there.`, ...promised].join(
      '\n',
    );
  }
  const where = `the database ${database} and ${placeOf(s3)}`;
  const first =
    status === 'same'
      ? `Everything is in ${where} already: ${what}.`
      : `Copied ${what} to ${where}.\n${count(sent.files, 'file')} (${formatBytes(sent.bytes)}) had to be sent; every one was read back and has its hash.`;
  return [first, ...promised, '', ...nextSteps(s3)].join('\n');
}

function nextSteps(s3: S3Settings): string[] {
  const options = [
    `--storage ${placeOf(s3)}`,
    ...(s3.endpoint ? [`--s3-endpoint ${s3.endpoint}`] : []),
    ...(s3.region ? [`--s3-region ${s3.region}`] : []),
    ...(s3.forcePathStyle ? ['--s3-force-path-style'] : []),
  ];
  return [
    'Leave the old server stopped, and start the new one at the same public URL:',
    '',
    '  export SYNCKIT_OTA_DATABASE=<the URL of the database>',
    `  synckit-ota serve ${options.join(' ')} --public-url <the same as before>`,
    '',
    'Slugs and tokens are the same. Only download links that the old server gave away within the last hour are void.',
    'The old folder is as it was: keep it until you are sure.',
  ];
}

function count(things: number | readonly unknown[], name: string): string {
  const number = typeof things === 'number' ? things : things.length;
  return `${number} ${name}${number === 1 ? '' : 's'}`;
}

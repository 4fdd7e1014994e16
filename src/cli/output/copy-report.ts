import type { CopyPlan } from '../../copy/copy-store.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { formatCount } from '../format.ts';
import { placeOf, type S3Settings } from '../options/storage-options.ts';
import { createStyle, type Style } from './colors.ts';

export interface CopyResult {
  readonly plan: CopyPlan;
  /** `same`: everything was already there. */
  readonly status: 'copied' | 'same' | 'planned';
  /** What had to be sent. */
  readonly sent: { readonly files: number; readonly bytes: number };
  /** Where the database is, without credentials; undefined in a plan, which connects to nothing. */
  readonly database: string | undefined;
  readonly s3: S3Settings;
}

/** The document of `copy --json`. */
export function copyDocument({ plan, status, sent, database, s3 }: CopyResult) {
  const { apps, tokens, releases } = plan.snapshot;
  return {
    status: status === 'same' ? 'unchanged' : status,
    apps: apps.length,
    releases: releases.length,
    tokens: tokens.length,
    files: { total: plan.files.length, bytes: plan.bytes, sent: sent.files, sent_bytes: sent.bytes },
    pending_uploads: plan.pendingUploads,
    database: database ?? null,
    storage: placeOf(s3),
  };
}

/** The result for people, with what to do next. */
export function formatCopy(result: CopyResult, style: Style = createStyle(false)): string[] {
  const { plan, status, sent, database, s3 } = result;
  const { apps, tokens, releases } = plan.snapshot;
  const rows = [
    formatCount(apps.length, 'app'),
    formatCount(releases.length, 'release'),
    formatCount(tokens.length, 'token'),
  ].join(', ');
  const what = `${rows} and ${formatCount(plan.files.length, 'file')} (${formatBytes(plan.bytes)})`;
  const lostUploads =
    plan.pendingUploads === 0
      ? []
      : [
          `${formatCount(plan.pendingUploads, 'upload')} to the old server never arrived, and the upload URLs no longer work: run those publishes again.`,
        ];
  if (status === 'planned') {
    return [`Would copy ${what} to ${placeOf(s3)}. Existing files there were not checked.`, ...lostUploads];
  }
  const where = `the database ${database} and ${placeOf(s3)}`;
  const first =
    status === 'same'
      ? [`Everything is already in ${where}: ${what}.`]
      : [
          style('green', `Copied ${what} to ${where}.`),
          `${formatCount(sent.files, 'file')} (${formatBytes(sent.bytes)}) sent; each was read back and matches its hash.`,
        ];
  return [...first, ...lostUploads, '', ...nextSteps(s3)];
}

function nextSteps(s3: S3Settings): string[] {
  const options = [
    `--storage ${placeOf(s3)}`,
    ...(s3.endpoint ? [`--s3-endpoint ${s3.endpoint}`] : []),
    ...(s3.publicEndpoint ? [`--s3-public-endpoint ${s3.publicEndpoint}`] : []),
    ...(s3.region ? [`--s3-region ${s3.region}`] : []),
    ...(s3.forcePathStyle ? ['--s3-force-path-style'] : []),
  ];
  return [
    'Leave the old server stopped, and start the new one at the same public URL:',
    '',
    '  export SYNCKIT_OTA_DATABASE=<the URL of the database>',
    `  synckit-ota serve ${options.join(' ')} --public-url <the same as before>`,
    '',
    'Slugs and tokens stay the same. Only download links that the old server gave out in the last hour no longer work.',
    'The old folder is unchanged: keep it until you are sure.',
  ];
}

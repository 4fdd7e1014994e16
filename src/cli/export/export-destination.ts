import { resolve } from 'node:path';
import { ExportBucket } from '../../export/export-bucket.ts';
import { ExportFolder, type HashFile } from '../../export/export-folder.ts';
import type { ExportPlace } from '../../export/export-place.ts';
import { withoutEndSlashes } from '../../protocol/routes.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import type { BucketOptions } from '../options/shared-options.ts';
import { readStorage, type S3Settings } from '../options/storage-options.ts';

/** Where exports are written to: a folder, or a bucket. */
export type ExportDestination =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'bucket'; readonly settings: S3Settings };

export interface OpenDestination {
  /** @param slug the app's folder in it */
  open(slug: string): Promise<ExportPlace>;
  close(): void;
}

export interface GivenDestination {
  readonly text: string;
  /** What gives it, for messages. */
  readonly option: string;
  readonly bucket: BucketOptions;
}

export function readDestination(
  { text, option, bucket }: GivenDestination,
  errors: OptionErrors,
): ExportDestination {
  if (/^[a-z0-9]+:\/\//i.test(text)) {
    const settings = readStorage({ ...bucket, storage: text, option }, errors);
    if (settings !== undefined) return { kind: 'bucket', settings };
  } else if (bucket.s3Endpoint || bucket.s3Region || bucket.s3ForcePathStyle) {
    errors.add('--s3-endpoint, --s3-region and --s3-force-path-style need s3://bucket/prefix');
  }
  return { kind: 'folder', folder: resolve(text) };
}

/** What a destination is reached as, without a slash at the end. */
export function readBaseUrl(option: string, text: string | undefined, errors: OptionErrors): string {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username) {
    return withoutEndSlashes(url.href);
  }
  errors.add(
    text === undefined
      ? `no base URL given: pass ${option}, what the export is reached as`
      : `${option} ${text} is not an http(s) URL without query and password`,
  );
  return '';
}

/** Sends no request. @throws OtaError `usage` when no AWS region is set */
export async function openDestination(
  destination: ExportDestination,
  hashFile: HashFile,
): Promise<OpenDestination> {
  if (destination.kind === 'folder') {
    const { folder } = destination;
    return { open: (slug) => ExportFolder.open(resolve(folder, slug), hashFile), close: () => {} };
  }
  const { S3Objects } = await import('../../storage/s3/s3-objects.ts');
  const store = await S3Objects.open({ ...destination.settings, clock: () => new Date() });
  return { open: (slug) => ExportBucket.open(store, slug), close: () => store.close() };
}

import { storageBinding } from '../../database/queries/storage-binding.ts';
import { replaceUrlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { DOWNLOAD_URL_LIFE_MS, UPLOAD_URL_LIFE_MS } from '../../server/services.ts';
import type { Context } from '../context.ts';
import { withStore } from '../wiring/open-store.ts';
import type { KeysRotateOptions } from './keys-command.ts';

const URL_LIFE_MS = Math.max(UPLOAD_URL_LIFE_MS, DOWNLOAD_URL_LIFE_MS);

export async function runKeysRotate(options: KeysRotateOptions, context: Context): Promise<void> {
  const { output } = context;
  await withStore(options, context, async ({ queries }, by) => {
    const { now } = by;
    const validUntil = options.grace ? new Date(now.getTime() + URL_LIFE_MS) : now;
    const { id } = await replaceUrlSigningKeys(queries, validUntil, by);
    const place = await storageBinding(queries);
    if (place?.startsWith('s3:')) {
      output.warning(
        'the URLs of files in a bucket are signed with the credentials of the bucket: rotate those to end them',
      );
    }
    const until = formatTimestamp(validUntil.getTime());
    output.document({ key: id, issued_urls_valid_until: until });
    const issued = options.grace
      ? `URLs that were issued before are valid until ${until}`
      : 'all issued URLs have ended';
    output.result(`URLs are signed with the new key ${id}; ${issued}.`);
  });
}

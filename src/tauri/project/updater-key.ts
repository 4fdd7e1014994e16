import { type Checked, ok, refused } from '../../issue.ts';
import { type PublicKey, parsePublicKey, parseTauriPublicKey } from '../../protocol/minisign.ts';
import { formatPublicKeyForTauri } from '../../protocol/minisign-signer.ts';

/** Where a Tauri configuration has its public key. */
export const PUBKEY_SETTING = 'plugins.updater.pubkey';

/**
 * The key in an app's configuration. One that the app itself could not read is refused: it could never verify an update.
 * @param source the configuration's file, for messages
 */
export function readUpdaterKey(text: string, source: string): Checked<PublicKey> {
  const result = parseTauriPublicKey(text);
  if (result.kind === 'key') return ok({ ...result.key, source: `${PUBKEY_SETTING} of ${source}` });
  const meant = parsePublicKey(text);
  const fault =
    meant === undefined
      ? 'is not a minisign public key'
      : `${result.reason}, so the app could not verify any update`;
  return refused({
    id: 'project.unreadable_pubkey',
    code: 'usage',
    message: `${PUBKEY_SETTING} in ${source} ${fault}`,
    hint:
      meant === undefined
        ? "Put the content of the signer's .pub file there."
        : `Write it as ${formatPublicKeyForTauri(meant)} and build again.`,
  });
}

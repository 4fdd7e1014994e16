import { extname } from 'node:path';
import { OtaError } from '../../errors.ts';
import { type Checked, ok, refused } from '../../issue.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import { parseConfig, readConfigText } from '../../tauri/project/config-value.ts';
import { pubkeyIn } from '../../tauri/project/tauri-config.ts';
import { PUBKEY_SETTING, readUpdaterKey } from '../../tauri/project/updater-key.ts';

/** Formats of a Tauri configuration: a file of another name may be one too, but need not be. */
const CONFIG_EXTENSIONS: readonly string[] = ['.json', '.json5', '.toml'];

const REMEDY =
  "Name the signer's .pub file or a Tauri configuration, or give plugins.updater.pubkey of one as it is.";

/**
 * The public key in a `.pub` file, in any form, or in a Tauri configuration, where it has to be as Tauri reads it.
 * @param source the option or the setting that names the file, for messages
 */
export function readKeyFile(file: string, source: string): Checked<PublicKey> {
  const noKey = (reason: string, hint = REMEDY) =>
    refused({ id: 'file.no_public_key', code: 'usage', message: `${source} ${file} ${reason}`, hint });
  try {
    const text = readConfigText(file);
    const key = parsePublicKey(text);
    if (key !== undefined) return ok({ ...key, source: file });
    if (isPrivateKey(text)) return noKey('contains a private key', 'Give the .pub file beside it.');
    const config = parseIfConfig(text, file);
    if (config === undefined) return noKey('contains no minisign public key');
    const pubkey = pubkeyIn(config);
    if (!pubkey?.trim()) return noKey(`has no ${PUBKEY_SETTING}`);
    return readUpdaterKey(pubkey, file);
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    const message = `${source} ${error.message}`;
    return refused({ id: 'file.unreadable', code: 'usage', message, hint: error.hint ?? REMEDY });
  }
}

/** Whether a text is a private key, as `tauri signer generate` writes it beside the public one, in base64 or not. */
export function isPrivateKey(text: string): boolean {
  return [text, Buffer.from(text.trim(), 'base64').toString('utf8')].some((candidate) =>
    /^untrusted comment:.*(secret|private) key/i.test(candidate),
  );
}

/** @throws OtaError `usage` when the file has the name of a configuration, but cannot be read as one */
function parseIfConfig(text: string, file: string): unknown {
  try {
    return parseConfig(text, file);
  } catch (error) {
    if (CONFIG_EXTENSIONS.includes(extname(file).toLowerCase())) throw error;
    return undefined;
  }
}

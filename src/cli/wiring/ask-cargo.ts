import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Type from 'typebox';
import { matches } from '../../protocol/validate.ts';
import { messageOf } from '../../runtime/error-details.ts';
import type { Context } from '../context.ts';
import type { Environment } from '../environment.ts';

/** How long Cargo may take, in milliseconds: it only reads files. */
const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const Metadata = Type.Object({ target_directory: Type.String({ minLength: 1 }) });

/**
 * Asks `cargo metadata` where the package in a folder is built into. It needs no network and changes nothing; rustup is
 * kept from installing a toolchain. Undefined where there is no Cargo, or it fails, which `--verbose` shows.
 */
export function cargoAsker({
  environment,
  signal,
  output,
}: Context): (folder: string) => Promise<string | undefined> {
  return async (folder) => {
    try {
      const args = ['metadata', '--no-deps', '--offline', '--format-version', '1'];
      const { stdout } = await promisify(execFile)('cargo', args, {
        cwd: folder,
        env: { ...withoutSecrets(environment), RUSTUP_AUTO_INSTALL: '0' },
        timeout: TIMEOUT_MS,
        maxBuffer: MAX_OUTPUT_BYTES,
        windowsHide: true,
        signal,
      });
      const metadata: unknown = JSON.parse(stdout);
      if (matches(Metadata, metadata)) return metadata.target_directory;
      throw new Error('its output has no target_directory');
    } catch (error) {
      signal.throwIfAborted();
      const [reason = ''] = messageOf(error)
        .split('\n')
        .filter((line) => /^error|ENOENT|output/.test(line));
      if (output.verbose)
        output.note(
          `cargo metadata failed, so Cargo's files are read instead: ${reason || messageOf(error)}`,
        );
      return undefined;
    }
  };
}

/** A project may name its own compiler, which Cargo starts even for this. */
function withoutSecrets(environment: Environment): Environment {
  const kept = Object.entries(environment).filter(([name]) => !/^(SYNCKIT_OTA|TAURI_SIGNING)_/.test(name));
  return Object.fromEntries(kept);
}

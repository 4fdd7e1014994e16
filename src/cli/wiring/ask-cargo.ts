import { type ExecFileOptions, execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { promisify } from 'node:util';
import Type from 'typebox';
import { matches } from '../../protocol/validate.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import type { Context } from '../context.ts';
import type { Environment } from '../environment.ts';

/** How long Cargo may take, in milliseconds: it only reads files. */
const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const Metadata = Type.Object({ target_directory: Type.String({ minLength: 1 }) });

/** What Cargo needs; everything else may be a secret. */
const PASSED_ON =
  /^(?:PATH|HOME|USERPROFILE|SYSTEMROOT|TE?MP|TMPDIR|LANG|RUSTUP_HOME|CARGO_HOME|CARGO_BUILD_\w+)$/i;

/**
 * Asks `cargo metadata` where the package in a folder is built into. It needs no network and changes nothing; rustup is
 * kept from installing a toolchain, and from starting one that the project names, which could be any program. Undefined
 * where there is no Cargo, or it fails, which `--verbose` shows.
 */
export function cargoAsker({
  environment,
  signal,
  output,
}: Context): (folder: string) => Promise<string | undefined> {
  return async (folder) => {
    try {
      const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true, signal };
      const env = { ...passedOn(environment), RUSTUP_AUTO_INSTALL: '0' };
      const toolchain = await defaultToolchain({ ...options, env });
      const args = ['metadata', '--no-deps', '--offline', '--format-version', '1'];
      const { stdout } = await promisify(execFile)('cargo', args, {
        ...options,
        cwd: folder,
        env: { ...env, ...toolchain },
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

/**
 * The toolchain that rustup uses outside of any project, as the variable that overrides a project's own. Nothing without
 * rustup.
 * @throws what rustup ends with when there is none
 */
async function defaultToolchain(
  options: Pick<ExecFileOptions, 'env' | 'timeout' | 'maxBuffer' | 'windowsHide' | 'signal'>,
): Promise<{ RUSTUP_TOOLCHAIN?: string }> {
  try {
    const args = ['show', 'active-toolchain'];
    const { stdout } = await promisify(execFile)('rustup', args, { ...options, cwd: homedir() });
    const [name = ''] = String(stdout).trim().split(/\s/);
    return { RUSTUP_TOOLCHAIN: name };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {};
    throw error;
  }
}

function passedOn(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => PASSED_ON.test(name)));
}

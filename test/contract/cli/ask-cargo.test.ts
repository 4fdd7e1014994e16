import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createOutput } from '../../../src/cli/output/output.ts';
import { cargoAsker } from '../../../src/cli/wiring/ask-cargo.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { write } from '../../support/tauri/tauri-project.ts';

const PACKAGE = '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n';

async function ask(folder: string, environment = process.env, signal = new AbortController().signal) {
  const notes: string[] = [];
  const output = { ...createOutput({ verbose: true }), note: (text: string) => void notes.push(text) };
  return { target: await cargoAsker({ environment, signal, output })(folder), notes };
}

describe('field 5: asking Cargo for its target folder', () => {
  test.skipIf(!isInstalled('cargo'))('gives what it says (needs cargo)', async () => {
    const folder = await tempFolder();
    await write(join(folder, 'Cargo.toml'), '[workspace]\nmembers = ["src-tauri"]\n');
    await write(join(folder, 'src-tauri/Cargo.toml'), PACKAGE);
    await write(join(folder, 'src-tauri/src/main.rs'), 'fn main() {}\n');
    const { CARGO_TARGET_DIR: _, ...environment } = process.env;
    expect(await ask(join(folder, 'src-tauri'), environment)).toEqual({
      target: join(folder, 'target'),
      notes: [],
    });
  });

  test.skipIf(!isInstalled('cargo'))('says why Cargo has no answer (needs cargo)', async () => {
    const folder = await tempFolder();
    await write(join(folder, 'Cargo.toml'), '[package\n');
    const { target, notes } = await ask(folder);
    expect(target).toBeUndefined();
    expect(notes).toEqual([expect.stringMatching(/^cargo metadata failed, .*: error: /)]);
  });

  test('gives nothing where there is no Cargo', async () => {
    const { target, notes } = await ask(await tempFolder(), { PATH: await tempFolder() });
    expect(target).toBeUndefined();
    expect(notes).toEqual([expect.stringContaining('ENOENT')]);
  });

  test.skipIf(process.platform === 'win32')('keeps everything from Cargo that may be a secret', async () => {
    const bin = await tempFolder();
    const script = join(bin, 'cargo');
    await write(
      script,
      '#!/bin/sh\nprintf \'{"target_directory":"%s"}\' "$SYNCKIT_OTA_TOKEN$TAURI_SIGNING_PRIVATE_KEY$GITHUB_TOKEN$CARGO_BUILD_TARGET"\n',
    );
    await chmod(script, 0o755);
    const secrets = { SYNCKIT_OTA_TOKEN: 'token', TAURI_SIGNING_PRIVATE_KEY: 'key', GITHUB_TOKEN: 'token' };
    expect((await ask(bin, { PATH: bin, ...secrets, CARGO_BUILD_TARGET: 'kept' })).target).toBe('kept');
  });

  test.skipIf(process.platform === 'win32')('starts no toolchain that the project names', async () => {
    const bin = await tempFolder();
    const scripts = {
      rustup: "#!/bin/sh\necho 'stable-any (default)'\n",
      cargo: '#!/bin/sh\nprintf \'{"target_directory":"%s"}\' "$RUSTUP_TOOLCHAIN"\n',
    };
    for (const [name, script] of Object.entries(scripts)) {
      await write(join(bin, name), script);
      await chmod(join(bin, name), 0o755);
    }
    expect((await ask(bin, { PATH: bin })).target).toBe('stable-any');
  });

  test('ends with the command', async () => {
    await expect(ask(await tempFolder(), process.env, AbortSignal.abort())).rejects.toThrow();
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generateSigningKeyPair } from '../../../src/protocol/minisign-signer.ts';
import { devOverlay, formatOverlay } from '../../../src/tauri/project/dev-overlay.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { configureWithTauri } from '../../support/tauri/tauri-cli.ts';
import { copyProject } from '../../support/tauri/tauri-project.ts';

const overlay = devOverlay('http://127.0.0.1:4680', 'note-taker', generateSigningKeyPair().publicKey);
const text = formatOverlay(overlay);

describe.skipIf(!isInstalled('cargo'))(
  "the overlay is accepted by Tauri's own command line (needs cargo)",
  () => {
    test.each(['dev', 'build'] as const)('%s --config', async (command) => {
      const project = await copyProject();
      const file = join(project, 'overlay of mine.json');
      await writeFile(file, text);
      const flags = command === 'build' ? ['--debug'] : ['--no-dev-server'];
      expect(await configureWithTauri(project, [command, ...flags, '--config', file])).toEqual(overlay);
      const older = ['--config', '{"version":"0.0.1"}'];
      expect(await configureWithTauri(project, [command, ...flags, '--config', file, ...older])).toEqual({
        ...overlay,
        version: '0.0.1',
      });
      await writeFile(file, JSON.stringify({ ...overlay, unheardOf: true }));
      await expect(configureWithTauri(project, [command, ...flags, '--config', file])).rejects.toThrow(
        'unheardOf',
      );
    });
  },
);

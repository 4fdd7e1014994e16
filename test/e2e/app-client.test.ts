import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { mockIPC } from '@tauri-apps/api/mocks';
import { expect, test, vi } from 'vitest';

/** What bundlers add to an app, in bytes. */
const LIMIT = 3 * 1024;

test('the client for apps is what package.json exports, with types, and smaller than 3 KB', async () => {
  const file = fileURLToPath(import.meta.resolve('synckit-ota/client'));
  expect(gzipSync(await readFile(file)).length).toBeLessThan(LIMIT);
  const types = await readFile(file.replace(/\.js$/, '.d.ts'), 'utf8');
  expect(types).toContain('export declare class AppUpdates');
  vi.stubGlobal('window', globalThis);
  const commands: string[] = [];
  mockIPC((command) => {
    commands.push(command);
    return null;
  });
  const { AppUpdates } = await import(file);
  const storage = { getItem: () => '7', setItem: () => {} };
  expect(await new AppUpdates({ storage }).checkNow()).toBeNull();
  expect(commands).toEqual(['plugin:updater|check']);
  vi.unstubAllGlobals();
});

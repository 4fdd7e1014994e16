import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '../../protocol/platform.ts';
import { hostPlatform, hostTarget } from '../project/host-platform.ts';
import type { DevBuild } from './dev-build.ts';

const FILE_OF: Readonly<Record<Target, string>> = {
  linux: 'Sample.AppImage',
  darwin: 'Sample.app.tar.gz',
  windows: 'Sample-setup.exe',
};

const CONTENT = 'A sample update made by `synckit-ota dev`: it cannot be started.\n'.repeat(1000);

/** A sample app: one file for the platform this runs on, written to `folder`. */
export function makeSampleBuild(folder: string): DevBuild {
  const platform = hostPlatform();
  const file = join(folder, FILE_OF[hostTarget()]);
  writeFileSync(file, CONTENT);
  return {
    name: 'the built-in sample',
    isSample: true,
    version: '1.0.0',
    slug: 'sample',
    notes: 'A sample update.',
    artifacts: [{ ...platform, file }],
    leftOut: [],
  };
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '../../protocol/platform.ts';
import { hostPlatform } from '../project/host-platform.ts';
import type { DevBuild } from './find-dev-build.ts';

const FILE_OF: Readonly<Record<Target, string>> = {
  linux: 'Sample.AppImage',
  darwin: 'Sample.app.tar.gz',
  windows: 'Sample-setup.exe',
};

const CONTENT = 'Made up by `synckit-ota dev`, to be looked at and not to be run.\n'.repeat(1000);

/** An app that is made up: one file for the platform this runs on, in a folder of the caller's. */
export function makeSampleBuild(folder: string): DevBuild {
  const platform = hostPlatform();
  const file = join(folder, FILE_OF[platform.target]);
  writeFileSync(file, CONTENT);
  return {
    name: 'a made-up sample',
    isSample: true,
    version: '1.0.0',
    slug: 'sample',
    notes: 'A made-up update.',
    artifacts: [{ ...platform, file }],
    leftOut: [],
  };
}

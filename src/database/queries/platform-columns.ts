import type { Platform } from '../../protocol/platform.ts';
import type { ArtifactsTable } from '../schema.ts';

export function platformColumns({
  target,
  arch,
  bundleType,
}: Platform): Pick<ArtifactsTable, 'target' | 'arch' | 'bundle_type'> {
  return { target, arch, bundle_type: bundleType ?? '' };
}

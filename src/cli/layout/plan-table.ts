import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import type { RefusedArtifact } from '../../publish/publish-event.ts';
import { createStyle, type Style } from '../output/colors.ts';
import { formatTable } from './table.ts';

/** A file in a plan, and what would become of it. */
export interface PlanRow extends Platform {
  readonly file?: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** The text of its signature. */
  readonly signature?: string;
}

const HEADER = ['platform', 'bundle', 'size', 'sha256', 'key id', 'action', 'file'];

/** A plan for people: each file, and what would be done with it. */
export function formatPlan(
  rows: readonly (PlanRow & { readonly action: string })[],
  style: Style = createStyle(false),
  width?: number,
): string[] {
  const cells = rows.map(({ size, sha256, signature = '', action, file = '', ...platform }) => [
    platformName(withoutBundleType(platform)),
    platform.bundleType ?? '-',
    formatBytes(size),
    sha256 || '-', // a publish that was refused before all was hashed
    signingKeyIdOf(signature) ?? '-',
    action === 'refused' ? style('red', action) : action,
    file,
  ]);
  return formatTable(cells, { header: HEADER, style, ...(width !== undefined && { width }) });
}

/** A plan that must not be carried out: each file, and which of them are among the reasons. */
export function formatRefused(
  artifacts: readonly RefusedArtifact[],
  style: Style = createStyle(false),
  width?: number,
): string[] {
  const rows = artifacts.map((artifact) => ({ ...artifact, action: artifact.refused ? 'refused' : 'ok' }));
  return formatPlan(rows, style, width);
}

import { join, resolve, sep } from 'node:path';
import { parseTriple } from '../../protocol/bundle/arch-words.ts';
import type { BundleFolder } from '../project/cargo-target.ts';
import { foldersBelow } from './bundle-tree.ts';

/** What a path says about the build that a bundle comes from. */
export type BuildInPath = Pick<BundleFolder, 'profile' | 'triple'>;

/** A target triple of Rust, also one that Tauri's updater does not support. */
const TRIPLE =
  /^(?:universal-apple-darwin|(?:x86_64|i[3-6]86|aarch64|arm|thumb|riscv|powerpc|loongarch|s390x|mips|sparc)\w*(?:-\w+){2,3})$/;

/**
 * Reads the triple and the profile in `…/<triple>/<profile>/bundle/…`.
 * @param below the folders of a path below one that was given, in which Cargo's folders may be missing
 */
export function buildInPath(path: string, below: readonly string[] = []): BuildInPath {
  const given = resolve(path).split(sep);
  const parts = [...given, ...below];
  const isCargos = (i: number) => parts[i + 2] === 'bundle' && /^(release|debug)$/.test(parts[i + 1] ?? '');
  const isDebug = parts.some(
    (part, i) => part === 'debug' && (i >= given.length || parts[i + 1] === 'bundle'),
  );
  const name = parts.findLast((part, i) => (i >= given.length || isCargos(i)) && TRIPLE.test(part));
  return {
    profile: isDebug ? 'debug' : 'release',
    ...(name !== undefined && { triple: { name, parsed: parseTriple(name) } }),
  };
}

/** All folders with downloaded files, at any depth. */
export async function listDownloadedFolders(folder: string): Promise<BundleFolder[]> {
  const paths = await foldersBelow(folder);
  return paths.map((path) => ({
    folder: join(folder, path),
    ...buildInPath(folder, path === '' ? [] : path.split(sep)),
  }));
}

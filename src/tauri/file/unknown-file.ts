import { basename } from 'node:path';
import { archInName } from '../../protocol/bundle/arch-words.ts';
import { formatBundleName, targetOfBundle } from '../../protocol/bundle/bundle-name.ts';
import { platformName } from '../../protocol/platform.ts';
import type { FoundBundle } from '../bundle/bundle-tree.ts';
import type { LeftOut } from '../bundle/choose-bundles.ts';
import { isPackageOf, isSameName, kebabCase } from '../bundle/package-name.ts';
import { sameCore } from '../bundle/statement.ts';
import type { TauriApp, TauriApps } from '../project/tauri-app.ts';
import { type BytesResult, readFileBytes } from './file-bytes.ts';

const OTHER_NAME = 'its name is not one that `tauri build` gives it';

/** Why a signed file is left out that is not named or placed as tauri-bundler does it, and how to publish it. */
export async function leaveOutUnknown(file: string, apps: TauriApps): Promise<LeftOut> {
  const bytes = await bytesOf(file);
  if (bytes.kind === 'mismatch')
    return { file, reason: `${OTHER_NAME}, and it ${bytes.reason}`, usual: false };
  const { kind } = bytes.statement;
  if (kind === undefined || kind === 'dmg') {
    const reason = `${OTHER_NAME}: if it is an update, publish it with --artifact PLATFORM=FILE`;
    return { file, reason, usual: false };
  }
  const app = await apps.for(targetOfBundle(kind));
  const foreign = whyForeign(bytes, app);
  return { file, reason: foreign ?? `${OTHER_NAME}${howToPublish(file, bytes, app)}`, usual: false };
}

/** What to add about a bundle with another product in its name: it may be this app's, renamed. */
export async function explainRenamed({ file, name }: FoundBundle, app: TauriApp): Promise<string> {
  const bytes = await bytesOf(file);
  if (bytes.kind === 'mismatch' || whyForeign(bytes, app) !== undefined) return '';
  const sameWords = kebabCase(name.product) === kebabCase(app.productName);
  if (bytes.product === undefined && !sameWords) return '';
  const inside = bytes.product === undefined ? '' : `; ${bytes.statement.by} says ${bytes.product}`;
  return `${inside}${howToPublish(file, bytes, app)}`;
}

type Bytes = Extract<BytesResult, { kind: 'bytes' }>;

function howToPublish(file: string, { statement }: Bytes, app: TauriApp): string {
  const { kind } = statement;
  const archs = statement.archs ?? [archInName(basename(file))];
  const [arch] = archs;
  if (kind === undefined || kind === 'dmg') return '';
  const platform = arch && platformName({ target: targetOfBundle(kind), arch, bundleType: kind });
  const named = archs.length > 1 ? 'darwin-universal' : (platform ?? 'PLATFORM');
  const original = arch && formatBundleName(kind, { product: app.productName, version: app.version, arch });
  const rename = original === undefined ? '' : `rename it to "${original}", or `;
  return `: to publish it, ${rename}list all files with --artifact, this one as ${named}=FILE`;
}

/** Undefined where it can be this app's. */
function whyForeign({ product, statement }: Bytes, { productName, version }: TauriApp): string | undefined {
  if (product !== undefined && !isPackageOf(product, productName) && !isSameName(product, productName)) {
    return `${OTHER_NAME}, and ${statement.by} says ${product}, not ${productName}`;
  }
  if (statement.version !== undefined && !sameCore(statement.version, version)) {
    return `${OTHER_NAME}, and ${statement.by} says ${statement.version}, not ${version}`;
  }
  return undefined;
}

/** A file that cannot be read says nothing. */
function bytesOf(file: string): Promise<BytesResult> {
  return readFileBytes(file).catch(() => ({ kind: 'bytes', statement: { by: 'its header' } }));
}

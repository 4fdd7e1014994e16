import { basename, dirname } from 'node:path';
import type { Issue, IssueId } from '../../issue.ts';
import { archInName } from '../../protocol/bundle/arch-words.ts';
import {
  type BundleName,
  kindByEnding,
  parseBundleName,
  targetOfBundle,
} from '../../protocol/bundle/bundle-name.ts';
import { type Platform, platformName, systemOf } from '../../protocol/platform.ts';
import { isVersion, precedenceOf } from '../../protocol/version.ts';
import { buildInPath } from '../bundle/bundle-path.ts';
import { isPackageOf, resembles } from '../bundle/package-name.ts';
import {
  contradiction,
  type Statement,
  sameCore,
  spellArchs,
  statementOfFolder,
  statementOfName,
} from '../bundle/statement.ts';
import { msiVersions, type TauriApp } from '../project/tauri-app.ts';
import { type BytesResult, readFileBytes } from './file-bytes.ts';

/** A file that a person names for a platform. */
export interface NamedFile extends Platform {
  readonly file: string;
}

export interface ReleasedApp {
  readonly version: string; // what the file is published as
  /** The app of the project that this happens in, if there is one. */
  readonly app?: TauriApp | undefined;
}

/**
 * What contradicts that a file is for the platform and version that it is named for: its name, its path or its bytes.
 * What they do not say contradicts nothing, so that files of any framework can be published.
 */
export async function namedFileIssues(input: NamedFile, { version, app }: ReleasedApp): Promise<Issue[]> {
  const { file } = input;
  const name = parseBundleName(basename(file), app?.productName);
  const bytes = await readFileBytes(file);
  const build = buildInPath(dirname(file));
  const said: Statement[] = [
    {
      by: `the platform ${platformName(input)}`,
      target: systemOf(input.target),
      kind: input.bundleType,
      archs: [input.arch],
    },
    statementOfFileName(basename(file), name),
    statementOfFolder(build),
    ...(bytes.kind === 'bytes' ? [bytes.statement] : []),
  ];
  const isDiskImage = said.some(({ kind }) => kind === 'dmg');
  const wrongTarget = contradiction(said, { of: ({ target }) => target });
  const wrong: readonly (readonly [IssueId, string | undefined])[] = [
    ['bundle.wrong_content', bytes.kind === 'mismatch' ? `it ${bytes.reason}` : undefined],
    ['bundle.debug_build', build.profile === 'debug' ? 'its folder is that of a debug build' : undefined],
    ['bundle.wrong_target', wrongTarget],
    ['bundle.disk_image', isDiskImage ? 'a disk image is for first installations, not updates' : undefined],
    ...(wrongTarget === undefined ? platformContradictions(said, isDiskImage) : []),
    ['bundle.wrong_version', wrongVersion({ version, app, name, bytes })],
    ['bundle.wrong_product', wrongProduct(name, bytes, app)],
  ];
  return wrong.flatMap(([id, how]) => (how === undefined ? [] : [mismatch(id, file, how)]));
}

function statementOfFileName(fileName: string, name: BundleName | undefined): Statement {
  const arch = name?.arch ?? archInName(fileName);
  const kind = name?.kind ?? kindByEnding(fileName)?.kind;
  const statement: Statement = { by: 'its name', archs: arch && [arch] };
  if (name !== undefined) return { ...statementOfName(name), ...statement };
  return { ...statement, kind, target: kind && targetOfBundle(kind) };
}

function platformContradictions(
  said: readonly Statement[],
  isDiskImage: boolean,
): [IssueId, string | undefined][] {
  const archs = contradiction(said, {
    of: (statement) => statement.archs,
    agree: ([announced], others) => announced !== undefined && others.includes(announced),
    spell: spellArchs,
  });
  return [
    ['bundle.wrong_kind', isDiskImage ? undefined : contradiction(said, { of: ({ kind }) => kind })],
    ['bundle.wrong_arch', archs],
  ];
}

interface Versions extends ReleasedApp {
  readonly name: BundleName | undefined;
  readonly bytes: BytesResult;
}

function wrongVersion({ version, app, name, bytes }: Versions): string | undefined {
  const said: Statement[] = [{ by: 'the release', version }];
  if (name?.version !== undefined && /^v?\d/.test(name.version) && !isNamed(name, version, app)) {
    said.push({ by: 'its name', version: name.version });
  }
  const inside = bytes.kind === 'bytes' ? bytes.statement : undefined;
  if (inside?.version !== undefined && !sameCore(inside.version, version)) {
    said.push({ ...inside, by: inside.kind === 'app' ? 'its Info.plist' : inside.by });
  }
  return contradiction(said, { of: (statement) => statement.version, agree: () => false });
}

/** Whether a name is for a version: exactly, apart from the revision of a package and the numbers of an MSI. */
function isNamed({ kind, version = '' }: BundleName, released: string, app: TauriApp | undefined): boolean {
  const ofMsi = kind === 'msi' && app !== undefined ? msiVersions({ ...app, version: released }) : [];
  // Without a project, the name of a product may end in what looks like the start of an rpm's version.
  if (ofMsi.includes(version) || (kind === 'rpm' && version.endsWith(`-${released}`))) return true;
  const plain = version.replace(/^(?:\d+:)?v?/, '').replaceAll('~', '-');
  const spellings = [plain, plain.replace(/-\d[\w.+]*$/, '')].map(precedenceOf);
  return spellings.includes(precedenceOf(released)) || (!isVersion(plain) && sameCore(plain, released));
}

/**
 * The name inside decides, as the file may have been renamed. Without a project, a package has to be called as its
 * file is; a macOS app is often packed under another name.
 */
function wrongProduct(
  name: BundleName | undefined,
  bytes: BytesResult,
  app: TauriApp | undefined,
): string | undefined {
  const inside = bytes.kind === 'bytes' && bytes.product !== undefined ? bytes : undefined;
  if (app === undefined && inside?.statement.kind === 'app') return undefined;
  const [by, product] = inside ? [inside.statement.by, inside.product] : ['its name', name?.product];
  const [expectedBy, expected] = app ? ['the project', app.productName] : ['its name', name?.product];
  if (product === undefined || expected === undefined) return undefined;
  if (isPackageOf(product, expected) || resembles(product, expected)) return undefined;
  return `${expectedBy} says ${expected}, ${by} says ${product}`;
}

function mismatch(id: IssueId, file: string, how: string): Issue {
  return {
    id,
    code: 'preflight_refused',
    message: `${file} is mislabelled: ${how}`,
    hint:
      id === 'bundle.wrong_product'
        ? 'Name the right file, or choose the project that it was built from with --project. If it is right, pass --allow-mismatch.'
        : 'Name the right file and platform. If they are right, for an app that Tauri did not build, pass --allow-mismatch.',
    file,
  };
}

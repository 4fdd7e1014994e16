import type { IFlattenedRuleSet, IRegularForbiddenRuleType } from 'dependency-cruiser';

type IFromRestriction = IRegularForbiddenRuleType['from'];
type IToRestriction = IRegularForbiddenRuleType['to'];

/** What each folder of `src`, and the files beside them, may import besides itself. */
export const TOP_FOLDERS = {
  'app-client': [],
  errors: [],
  issue: ['errors'],
  runtime: ['errors'],
  protocol: ['errors', 'runtime'],
  tauri: ['errors', 'issue', 'protocol', 'runtime'],
  client: ['errors', 'issue', 'protocol', 'runtime'],
  publish: ['errors', 'issue', 'protocol', 'runtime', 'client', 'tauri'],
  export: ['errors', 'protocol', 'runtime', 'client'],
  import: ['errors', 'protocol', 'runtime', 'client'],
  database: ['errors', 'issue', 'protocol', 'runtime'],
  storage: ['errors', 'issue', 'protocol', 'runtime'],
  identity: ['errors', 'protocol', 'runtime'],
  ownership: ['errors', 'issue', 'protocol', 'runtime', 'database', 'storage'],
  server: ['errors', 'issue', 'protocol', 'runtime', 'database', 'storage', 'ownership', 'identity'],
  web: ['protocol'],
  copy: ['errors', 'issue', 'protocol', 'runtime', 'database', 'storage', 'ownership'],
  backup: ['errors', 'issue', 'protocol', 'runtime', 'database', 'storage'],
  cli: [
    'errors',
    'issue',
    'runtime',
    'protocol',
    'tauri',
    'client',
    'publish',
    'export',
    'import',
    'database',
    'storage',
    'ownership',
    'server',
    'copy',
    'backup',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** What a subfolder may import of its folder, besides itself and the files beside the subfolders. */
export const SUBFOLDERS = {
  publish: {
    inspect: [],
    'server-state': [],
    plan: ['server-state', 'inspect'],
    upload: ['server-state', 'plan'],
    execute: ['upload', 'server-state', 'plan'],
    verify: ['server-state'],
    'next-hop': ['server-state'],
  },
  database: { migrations: [], sqlite: [], postgres: [], queries: [] },
  storage: { disk: [], s3: [] },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** The subfolders that the files beside them may import. */
export const FILES_BESIDE_SUBFOLDERS = {
  publish: ['inspect', 'server-state', 'plan', 'upload', 'execute', 'verify', 'next-hop'],
  database: ['migrations'],
  storage: [],
} as const satisfies Readonly<Record<keyof typeof SUBFOLDERS, readonly string[]>>;

/** The only place that imports a package: a regular expression for paths. */
export const PACKAGES = {
  '@tauri-apps/plugin-updater': '^src/app-client/',
  undici: '^src/(client|identity|server/webhooks)/',
  jose: '^src/(identity|client/attestation)/',
  '@sigstore/bundle': '^src/(protocol|client)/attestation/',
  '@sigstore/core': '^src/protocol/attestation/',
  '@sigstore/protobuf-specs': '^src/(protocol|client)/attestation/',
  '@sigstore/tuf': '^src/protocol/attestation/',
  '@sigstore/verify': '^src/protocol/attestation/',
  '@aws-sdk/client-s3': '^src/storage/s3/',
  '@aws-sdk/s3-request-presigner': '^src/storage/s3/',
  pg: '^src/database/postgres/',
  'better-sqlite3': '^src/database/sqlite/',
  kysely: '^src/database/',
  fastify: '^src/server/',
  'prom-client': '^src/server/metrics/',
  commander: '^src/cli/(commands/|options/|program[.]ts$)',
  '@commander-js/extra-typings': '^src/cli/(commands/|options/|program[.]ts$)',
  ora: '^src/cli/',
  hono: '^src/server/(download-page|feeds)/',
  yaml: '^src/server/feeds/',
  'sanitize-html': '^src/server/download-page/',
  preact: '^src/web/',
  uplot: '^src/web/',
} as const satisfies Readonly<Record<string, string>>;

/** Modules of Node that reach outside the process. */
export const IO_MODULES = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'http',
  'http2',
  'https',
  'net',
  'readline',
  'tls',
  'worker_threads',
] as const;

/** The rules of dependency-cruiser for `src` and `bin`. Paths are relative to the repository's root. */
export const RULES: IFlattenedRuleSet = {
  forbidden: [
    ...Object.entries(TOP_FOLDERS).map(([top, allowed]) => topFolderRule(top, allowed)),
    ...Object.entries(SUBFOLDERS).flatMap(([top, folders]) =>
      Object.entries(folders).map(([folder, allowed]) => folderRule({ top, folder, allowed })),
    ),
    ...Object.entries(FILES_BESIDE_SUBFOLDERS).map(([top, allowed]) => filesRule(top, allowed)),
    ...Object.entries(PACKAGES).map(([name, place]) => packageRule(name, place)),
    forbidden('bin imports the build only', { path: '^bin/' }, { path: '^src/' }),
    forbidden('src imports nothing outside src', { path: '^src/' }, { path: '^(bin|dist|test)/' }),
    forbidden(
      'protocol does no IO',
      { path: '^src/protocol/' },
      { path: `^(node:)?(${IO_MODULES.join('|')})(/|$)` },
    ),
    forbidden('no import cycles', { path: '^src/' }, { circular: true }),
    forbidden('no re-exports', { path: '^src/' }, { dependencyTypes: ['export'] }),
    forbidden('imports exist', {}, { couldNotResolve: true, pathNot: '^[.][.]/dist/' }),
    forbidden('packages are in package.json', { path: '^src/' }, { dependencyTypes: ['npm-no-pkg'] }),
    forbidden(
      'names say what is inside',
      { path: '^src/' },
      { path: '/(utils?|helpers?|index|types|common|misc)([.]ts$|/)', pathNot: 'node_modules/' },
    ),
  ],
};

function topFolderRule(top: string, allowed: readonly string[]): IRegularForbiddenRuleType {
  const own = [top, ...allowed].join('|');
  return forbidden(
    `what ${top} may import`,
    { path: `^src/${top}([.]ts$|/)` },
    { path: '^src/', pathNot: `^src/(${own})([.]ts$|/)` },
  );
}

function folderRule(of: {
  top: string;
  folder: string;
  allowed: readonly string[];
}): IRegularForbiddenRuleType {
  const own = [of.folder, ...of.allowed].join('|');
  return forbidden(
    `what ${of.top}/${of.folder} may import`,
    { path: `^src/${of.top}/${of.folder}/` },
    { path: `^src/${of.top}/[^/]+/`, pathNot: `^src/${of.top}/(${own})/` },
  );
}

function filesRule(top: string, allowed: readonly string[]): IRegularForbiddenRuleType {
  const own = allowed.length === 0 ? '[^/]+[.]ts$' : `([^/]+[.]ts$|(${allowed.join('|')})/)`;
  return forbidden(
    `what ${top}/*.ts may import`,
    { path: `^src/${top}/[^/]+[.]ts$` },
    { path: `^src/${top}/`, pathNot: `^src/${top}/${own}` },
  );
}

function packageRule(name: string, place: string): IRegularForbiddenRuleType {
  return forbidden(
    `who may import ${name}`,
    { path: '^src/', pathNot: place },
    { path: `(^|node_modules/)${name}(/|$)` },
  );
}

function forbidden(name: string, from: IFromRestriction, to: IToRestriction): IRegularForbiddenRuleType {
  return { name, severity: 'error', from, to };
}

import { posix } from 'node:path';

/** A file of ours: its path from the root of the repository, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly rule: string;
}

/** The arrows of the design: what a folder may import besides itself and `errors.ts`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  client: ['protocol'],
  publish: ['protocol', 'client'],
  database: ['protocol'],
  storage: ['protocol'],
  server: ['protocol', 'database', 'storage'],
  cli: ['protocol', 'client', 'publish', 'database', 'storage', 'server'],
  web: [],
  bin: ['cli'],
};

/** Packages that only one folder may import. */
const ONLY_IN: readonly (readonly [RegExp, string])[] = [
  [/^undici$/, 'client'],
  [/^(better-sqlite3|pg|kysely)$/, 'database'],
  [/^@aws-sdk\//, 'storage'],
  [/^(fastify|@fastify\/.*)$/, 'server'],
  [/^(commander|ora)$/, 'cli'],
];

/** Modules of Node that reach outside the process. */
const IO_MODULE =
  /^(node:)?(fs|fs\/promises|http|https|http2|net|tls|dgram|dns|dns\/promises|child_process|worker_threads|cluster|readline)$/;

/** What prints, ends the process or reads its surroundings. */
const PROCESS_EDGE: readonly (readonly [RegExp, string])[] = [
  [/\bprocess\??\.\s*env\b/, 'process.env'],
  [/\bprocess\??\.\s*exit(Code)?\b/, 'process.exit'],
  [/\bprocess\??\.\s*(stdout|stderr)\b/, 'process.stdout and process.stderr'],
  [/\bconsole\??\.|\bconsole\[/, 'console'],
  [/\bprocess\[|=\s*process\s*[;,)]/, 'process, by a way around'],
];

const FORBIDDEN_NAMES = ['utils', 'helpers', 'index', 'types'];

/** All that is wrong with the files, by the rules of the design; empty when they keep them. */
export function violationsOf(files: readonly SourceFile[]): Violation[] {
  const paths = new Set(files.map(({ path }) => path));
  return files.flatMap((file) =>
    [...nameViolations(file), ...importViolations(file, paths), ...contentViolations(file)].map((rule) => ({
      path: file.path,
      rule,
    })),
  );
}

/** The specifiers of every import and re-export, static and dynamic, of types too. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const patterns = [
    /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*(['"])(.+?)\1/g,
    /\bimport\s*(['"])(.+?)\1/g,
    /\b(?:import|require|require\.resolve)\s*\(\s*(['"`])(.+?)\1/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[2] ?? ''));
}

function nameViolations({ path }: SourceFile): string[] {
  const violations: string[] = [];
  const parts = path.split('/').slice(1);
  for (const part of parts) {
    const stem = part.replace(/\..*$/, '');
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) violations.push(`${part} is not kebab-case`);
    if (FORBIDDEN_NAMES.includes(stem)) violations.push(`a file or folder is not called ${stem}`);
  }
  return violations;
}

function importViolations({ path, text }: SourceFile, paths: ReadonlySet<string>): string[] {
  const from = folderOf(path);
  const violations: string[] = [];
  for (const specifier of importsOf(text)) {
    if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(path), specifier);
      const to = folderOf(target);
      if (!isOwn(target, paths)) violations.push(`imports ${specifier}, which is not there`);
      else if (to !== from && to !== 'errors' && !MAY_IMPORT[from]?.includes(to))
        violations.push(`${from} does not import ${to}`);
      continue;
    }
    for (const [packageName, folder] of ONLY_IN)
      if (packageName.test(specifier) && from !== folder)
        violations.push(`${specifier} is imported by ${folder} only`);
    if (from === 'protocol' && IO_MODULE.test(specifier))
      violations.push(`protocol does no IO: ${specifier}`);
  }
  return violations;
}

function contentViolations({ path, text }: SourceFile): string[] {
  const folder = folderOf(path);
  const code = withoutComments(text);
  const violations: string[] = [];
  if (folder !== 'cli' && folder !== 'bin' && folder !== 'web') {
    const withoutStrings = code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''"); // templates hold code
    for (const [pattern, name] of PROCESS_EDGE)
      if (pattern.test(withoutStrings)) violations.push(`${name} is for the command line only`);
  }
  if (importsOf(text).some((name) => /^(node:)?process$/.test(name))) violations.push('process is a global');
  if (/\bexport\s+default\b|\bas\s+default\b/.test(code)) violations.push('has a default export');
  if (/\bexport\s+(type\s+)?(\*|\{[^}]*\})\s*(as\s+\w+\s+)?from\b/.test(code))
    violations.push('re-exports from another file');
  return violations;
}

/** `cli` for `src/cli/commands/publish.ts`, `errors` for `src/errors.ts`, `bin` for what is there. */
function folderOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'src' ? second.replace(/\.ts$/, '') : top === 'dist' ? 'cli' : top;
}

function isOwn(path: string, paths: ReadonlySet<string>): boolean {
  // What is built, and package.json for the version, are not among the sources.
  return paths.has(path) || path.startsWith('dist/') || path === 'package.json';
}

/** The text without comments; strings keep theirs. */
function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => (found.startsWith('/') ? ' ' : found));
}

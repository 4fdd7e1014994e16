import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { API_ROOT } from '../../protocol/routes.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { mergePatch } from '../../tauri/project/merge-config.ts';
import { slugsOfEndpoints, type TauriConfig } from '../../tauri/project/tauri-config.ts';
import { CONFIG_FILE } from '../config/find-config-file.ts';
import { COPY_IT, WORKFLOW, WORKFLOW_SERVER, WORKFLOW_SLUG } from './workflow-template.ts';

/** A file that is written, or changed. */
export interface PlannedFile {
  readonly file: string;
  /** Its lines afterwards; undefined where a person has to make the change, to keep how the file is written. */
  readonly lines: readonly string[] | undefined;
  /** What changes, as in a diff. */
  readonly diff: readonly string[];
}

export interface InitSettings {
  readonly project: string;
  readonly server: URL;
  readonly app: string | undefined;
  readonly slug: string;
  /** Undefined where there is no Tauri project. */
  readonly config: TauriConfig | undefined;
}

/** What a project needs to be published, without what it has already. */
export function planFiles(settings: InitSettings): PlannedFile[] {
  return [configFile(settings), tauriConfig(settings), workflow(settings)].filter(
    (file) => file !== undefined,
  );
}

function newFile(file: string, lines: readonly string[]): PlannedFile | undefined {
  return existsSync(file) ? undefined : { file, lines, diff: lines.map((line) => `+${line}`) };
}

function configFile({ project, server, app, slug }: InitSettings): PlannedFile | undefined {
  const content = { server: server.href.replace(/\/$/, ''), ...(app !== undefined && { app }), slug };
  return newFile(join(project, CONFIG_FILE), [...jsonLines(content), '']);
}

function workflow({ project, server, slug }: InitSettings): PlannedFile | undefined {
  const url = server.href.replace(/\/$/, '');
  const lines = WORKFLOW.map((line) =>
    line
      .replace(WORKFLOW_SERVER, () => url)
      .replace(` ${WORKFLOW_SLUG} `, ` ${slug} `)
      .replace(COPY_IT, ''),
  );
  return newFile(join(project, '.github/workflows/release.yml'), lines);
}

/** The settings that lead an app to the server, before the endpoints that it has. */
export function tauriConfig({
  config,
  server,
  slug,
}: Pick<InitSettings, 'config' | 'server' | 'slug'>): PlannedFile | undefined {
  if (config === undefined) return undefined;
  const base = server.href.replace(/\/$/, '') + API_ROOT;
  const endpoint = `${base}/${slug}/{{target}}/{{arch}}/{{current_version}}`;
  const leadsHere = config.endpoints.value.some((text) => text.startsWith(`${base}/`));
  const patch = {
    ...(config.updaterArtifacts === false && { bundle: { createUpdaterArtifacts: true } }),
    ...(!leadsHere && { plugins: { updater: { endpoints: [endpoint, ...config.endpoints.value] } } }),
  };
  if (Object.keys(patch).length === 0) return undefined;
  const text = readSmallFile(config.file);
  const before = parse(text);
  const indent = /^([ \t]+)"/m.exec(text)?.[1] ?? '  ';
  const isPlain = before !== undefined && text.trimEnd() === JSON.stringify(before, undefined, indent);
  const lines = isPlain ? [...jsonLines(mergePatch(before, patch), indent), ''] : undefined;
  const diff =
    lines === undefined ? jsonLines(patch).map((line) => `+${line}`) : lineDiff(text.split('\n'), lines);
  return { file: config.file, lines, diff };
}

/** A slug from the endpoints, else from the name. */
export function slugOf(config: TauriConfig | undefined): string | undefined {
  const [known] = slugsOfEndpoints(config?.endpoints.value ?? []);
  const letters = config?.productName
    ?.normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();
  const name = letters?.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
  return known ?? (name || undefined);
}

function parse(text: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch {
    return undefined; // TOML, or with comments
  }
}

function jsonLines(value: unknown, indent = '  '): string[] {
  return JSON.stringify(value, undefined, indent).split('\n');
}

/** One block of removed and added lines, between what is the same at both ends, with a line of it on each side. */
export function lineDiff(before: readonly string[], after: readonly string[]): string[] {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let end = 0;
  const limit = Math.min(before.length, after.length) - start;
  while (end < limit && before.at(-1 - end) === after.at(-1 - end)) end++;
  return [
    ...before.slice(Math.max(0, start - 1), start).map((line) => ` ${line}`),
    ...before.slice(start, before.length - end).map((line) => `-${line}`),
    ...after.slice(start, after.length - end).map((line) => `+${line}`),
    ...after.slice(after.length - end, after.length - end + 1).map((line) => ` ${line}`),
  ];
}

/** The content of a file with these lines. */
export function toText(lines: readonly string[]): string {
  return lines.join('\n');
}

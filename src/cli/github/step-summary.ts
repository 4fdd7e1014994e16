import { type Platform, platformName } from '../../protocol/platform.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import type { ErrorDocument } from '../output/error-document.ts';

/** Longer texts, in characters, and further warnings are cut: GitHub takes 1 MiB a step. */
const MAX_TEXT = 20_000;
const MAX_WARNINGS = 50;

/** One file, and what was done with it. */
export interface StepArtifact extends Platform {
  /** Undefined for a file that is only on the server. */
  readonly file?: string | undefined;
  /** Bytes. */
  readonly size: number;
  /** Undefined if it was not computed. */
  readonly sha256?: string | undefined;
  /** `uploaded`, `skipped`, … */
  readonly action: string;
  readonly verified: boolean;
}

/** The result of a command on a release. */
export interface StepResult {
  /** `published`, `draft`, `unchanged`, `planned`; undefined for a command without a status. */
  readonly status?: string | undefined;
  readonly version?: string | undefined;
  readonly releaseId?: string | undefined;
  /** Where installed apps check for updates. */
  readonly checkUrl?: string | undefined;
  readonly artifacts?: readonly StepArtifact[];
}

/** A command's result, in Markdown. */
export function resultSummary(command: string, result: StepResult, warnings: readonly string[]): string {
  const { status, version, releaseId, checkUrl, artifacts = [] } = result;
  const outcome = [status, version].filter((word) => word !== undefined).join(' ');
  return join([
    `### ${escapeMarkdown(`${command}${outcome && `: ${outcome}`}`)}`,
    releaseId && `Release ${code(releaseId)}`,
    checkUrl && `Installed apps check for updates at ${code(checkUrl)}`,
    table(artifacts),
    list(warnings),
  ]);
}

/** Why a command failed, and how far it got, in Markdown. */
export function failureSummary(
  command: string,
  { code: name, message, hint, retryable }: ErrorDocument,
  { version, releaseId, artifacts = [], warnings }: StepResult & { readonly warnings: readonly string[] },
): string {
  const again = retryable ? 'The same command can be run again.' : undefined;
  const words = [message, hint, again].filter((text) => text).join('\n');
  return join([
    `### ${escapeMarkdown(`${command}: failed`)}`,
    `<pre>${escapeHtml(shortened(words))}</pre>`,
    `Error ${code(name)}${version && releaseId ? `, release ${code(version)} (${code(releaseId)})` : ''}`,
    table(artifacts),
    list(warnings),
  ]);
}

function table(artifacts: readonly StepArtifact[]): string | undefined {
  if (artifacts.length === 0) return undefined;
  const rows = artifacts.map((artifact) => [
    escapeMarkdown(platformName(artifact)),
    escapeMarkdown(artifact.file ?? ''),
    escapeMarkdown(formatBytes(artifact.size)),
    artifact.sha256 === undefined ? '' : code(artifact.sha256),
    escapeMarkdown(artifact.action),
    artifact.verified ? 'yes' : 'no',
  ]);
  const heads = ['Platform', 'File', 'Size', 'SHA-256', 'Action', 'Verified'];
  const lines = [heads, heads.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function list(warnings: readonly string[]): string | undefined {
  if (warnings.length === 0) return undefined;
  const shown = warnings.slice(0, MAX_WARNINGS).map((text) => `- Warning: ${escapeMarkdown(text)}`);
  const left = warnings.length - shown.length;
  return [...shown, ...(left > 0 ? [`- and ${left} more`] : [])].join('\n');
}

function join(parts: readonly (string | undefined)[]): string {
  return `${parts.filter((part) => part !== undefined && part !== '').join('\n\n')}\n\n`;
}

function code(text: string): string {
  return `<code>${escapeMarkdown(text)}</code>`;
}

/** Literal text on one line, also in a table: characters that are special in GitHub's Markdown become entities. */
function escapeMarkdown(text: string): string {
  return shortened(text)
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .replace(/[&<>\\`*_[\]#|~$@:!]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text;
}

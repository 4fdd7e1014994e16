import { type Platform, platformName } from '../../protocol/platform.ts';
import { displayEndpoint } from '../../publish/next-hop/endpoint-url.ts';
import { formatCount } from '../format.ts';
import type { Style } from '../output/colors.ts';
import type { ExaminedProject } from './examine-project.ts';
import type { Finding } from './finding.ts';

/** What was examined, and what was found. */
export interface Examination {
  readonly project: ExaminedProject;
  readonly server: URL | undefined;
  readonly appId: string | undefined;
  readonly slug: string | undefined;
  /** Those that were asked as. */
  readonly platforms: readonly Platform[];
  readonly findings: readonly Finding[];
}

/** The document of `doctor --json`. */
export function doctorDocument({ project, server, appId, slug, platforms, findings }: Examination) {
  const severities = findings.map(severityOf);
  return {
    status: severities.includes('error') ? 'errors' : severities.length > 0 ? 'warnings' : 'healthy',
    examined: {
      project: project.file ?? null,
      server: server?.href ?? null,
      app: appId ?? null,
      slug: slug ?? null,
      endpoints: project.endpoints.map(displayEndpoint),
      platforms: platforms.map(platformName),
    },
    findings: findings.map((finding) => {
      const { id, cause, fix } = finding;
      return { id, severity: severityOf(finding), cause, fix };
    }),
  };
}

/** The text for people: errors first. */
export function doctorLines(examination: Examination, style: Style): string[] {
  const { findings } = examination;
  const ofSeverity = (severity: string) => findings.filter((finding) => severityOf(finding) === severity);
  const [errors, warnings] = [ofSeverity('error'), ofSeverity('warning')];
  return [
    ...examinedLines(examination),
    ...errors.flatMap((finding) => ['', ...findingLines(finding, style('red', 'error'))]),
    ...warnings.flatMap((finding) => ['', ...findingLines(finding, style('yellow', 'warning'))]),
    '',
    findings.length === 0
      ? style('green', 'Nothing was found.')
      : `${formatCount(errors.length, 'error')}, ${formatCount(warnings.length, 'warning')}`,
  ];
}

function examinedLines({ project, server, slug, platforms }: Examination): string[] {
  const asked = platforms.length === 0 ? '' : `, asked as ${platforms.map(platformName).join(', ')}`;
  return [
    ...(project.file === undefined ? [] : [`Project: ${project.file}`]),
    ...(server === undefined ? [] : [`Server:  ${server.href}`]),
    ...(slug === undefined ? [] : [`App:     ${slug}${asked}`]),
  ];
}

function findingLines({ id, cause, fix }: Finding, label: string): string[] {
  return [`${label} ${id}`, `  ${cause.replace(/\.$/, '')}.`, `  Fix: ${fix}`];
}

function severityOf({ code }: Finding): 'error' | 'warning' {
  return code === undefined ? 'warning' : 'error';
}

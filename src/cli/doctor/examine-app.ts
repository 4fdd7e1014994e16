import { OtaError } from '../../errors.ts';
import type { AppResponse } from '../../protocol/messages.ts';
import { describeKey, parsePublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { describeStranding, strandedVersions } from '../../protocol/routing/stranded-versions.ts';
import { expiryNotice, scopeIssues } from '../../publish/plan/token-scopes.ts';
import { appFilesOf } from '../../publish/server-state/app-files.ts';
import type { Remote } from '../wiring/connect.ts';
import type { ExaminedProject } from './examine-project.ts';
import { unreachable } from './examine-server.ts';
import { type Finding, findingOf } from './finding.ts';

export interface ExamineAppOptions {
  readonly appId: string;
  readonly channel: string;
  readonly project: Pick<ExaminedProject, 'key'>;
  /** Whether the token lasts as long as a job. */
  readonly isJob: boolean;
}

export interface ExaminedApp {
  readonly findings: readonly Finding[];
  /** Extension `app`: undefined where the server does not answer, or has no such extension. */
  readonly app: AppResponse | undefined;
}

/** What the server says of the app to someone with a token. */
export async function examineApp(
  { client, retry }: Remote,
  options: ExamineAppOptions,
  now: () => number = Date.now,
): Promise<ExaminedApp> {
  try {
    const app = await retry.run(() => client.getApp(options.appId, { include: 'releases' }));
    const findings = [
      ...tokenFindings(app, options, now()),
      ...keyFindings(app, options),
      ...strandedFindings(app),
    ];
    return { app, findings };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code === 'interrupted') throw error;
    return { app: undefined, findings: [refusal(error, client.server)] };
  }
}

function refusal(error: OtaError, server: URL): Finding {
  const {
    code,
    message: cause,
    status,
    hint = 'Create another token with `synckit-ota tokens create`.',
  } = error;
  if (code === 'unauthorized') return { id: 'token.refused', code, cause, fix: hint };
  if (status === 404) {
    const fix = 'Compare the id of the app with `synckit-ota apps list` on the server.';
    return { id: 'token.refused', code: 'usage', cause, fix };
  }
  return unreachable(error, server);
}

function tokenFindings(app: AppResponse, { channel, isJob }: ExamineAppOptions, now: number): Finding[] {
  const writes = { channel, slug: app.slug === null ? ('first' as const) : undefined };
  const state = { scopes: app.scopes, approval: app.approval, trustedOnly: app.trusted_only };
  const issues = scopeIssues({ ...writes, upload: true, goLive: !app.approval, rollBack: false }, state);
  const findings: Finding[] = issues.map((issue) =>
    findingOf(issue, issue.id === 'server.trusted_only' ? 'token.trusted_only' : 'token.scope'),
  );
  const notice = isJob ? undefined : expiryNotice(app.token_expires_at, now);
  if (notice !== undefined) {
    findings.push({
      id: 'token.expires',
      code: undefined,
      cause: notice,
      fix: 'Create another one with `synckit-ota tokens create` on the server, and put it in its place before that.',
    });
  }
  return findings;
}

function keyFindings(app: AppResponse, { project: { key } }: ExamineAppOptions): Finding[] {
  const accepted = app.accepted_pubkeys ?? (app.pubkey === null ? [] : [app.pubkey]);
  if (key === undefined || accepted.length === 0) return [];
  const isSame = (text: string) => parsePublicKey(text)?.key.equals(key.key) ?? false;
  if (accepted.some(isSame)) return [];
  const ids = accepted.map((text) => publicKeyIdOf(text) ?? text).join(' and ');
  return [
    {
      id: 'app.other_key',
      code: 'preflight_refused',
      cause: `the project's key is ${describeKey(key)}, but the server accepts files that are signed with ${ids}`,
      fix: 'Sign and build with that key. To change keys, first publish a release that hands over to the new one (docs/publishing/key-rotation.md).',
    },
  ];
}

/** Of what is live now: as if nothing had been before. */
function strandedFindings({ releases = [], deleted }: AppResponse): Finding[] {
  const files = appFilesOf({ releases, deleted });
  const strandings = strandedVersions({ live: [], known: files.known }, files);
  if (strandings.length === 0) return [];
  return [
    {
      id: 'app.stranded_versions',
      code: 'preflight_refused',
      cause: `installed apps are left behind: ${describeStranding(strandings)}`,
      fix: 'Publish a release that they can take, signed with the key that they carry, and that leads on; docs/publishing/key-rotation.md shows how.',
    },
  ];
}

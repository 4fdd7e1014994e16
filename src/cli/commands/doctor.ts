import { OtaError, type OtaErrorCode } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import { parsePlatform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import { listedName } from '../../publish/server-state/server-state.ts';
import { type ConfigFile, readConfigFileInto } from '../config/config-file.ts';
import type { Context } from '../context.ts';
import { doctorDocument, doctorLines, type Examination } from '../doctor/doctor-report.ts';
import { SAMPLE_PLATFORMS } from '../doctor/endpoint-findings.ts';
import { examineAnswers } from '../doctor/examine-answers.ts';
import { type ExaminedApp, examineApp } from '../doctor/examine-app.ts';
import { examineEndpoints } from '../doctor/examine-endpoints.ts';
import { type ExaminedProject, examineProject } from '../doctor/examine-project.ts';
import { examineServer } from '../doctor/examine-server.ts';
import type { Finding } from '../doctor/finding.ts';
import { formatCount } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readChannel } from '../options/release-options.ts';
import { readServer, readSlug } from '../options/remote-options.ts';
import { whileWaiting } from '../output/spinner.ts';
import { readOverrides } from '../project/config-overrides.ts';
import { connectToExamine, type ExaminingRemote } from '../wiring/connect.ts';
import type { DoctorOptions } from './doctor-command.ts';

/** Where there are no releases to name more. */
const COMMON_PLATFORMS = [
  ...Object.values(SAMPLE_PLATFORMS),
  { target: 'darwin', arch: 'x86_64' },
  { target: 'linux', arch: 'aarch64' },
  { target: 'windows', arch: 'aarch64' },
] as const;

/** The code that the command ends with is the first that occurs. */
const BY_IMPORTANCE: readonly OtaErrorCode[] = [
  'usage',
  'unauthorized',
  'preflight_refused',
  'verification_failed',
  'not_the_api',
  'network',
];

/** @throws OtaError with the code of the worst finding that is an error, once all are printed */
export async function runDoctor(options: DoctorOptions, context: Context): Promise<void> {
  const { output, environment } = context;
  const errors = new OptionErrors();
  const config = readConfigFileInto(errors, options.project);
  const overrides = readOverrides({ options, config, environment }, errors);
  const channel = readChannel(options.channel ?? config.channel, errors);
  const slug = readSlug(options.slug ?? config.slug, errors);
  const given = options.server ?? config.server;
  const server = given === undefined ? undefined : readServer(given, errors);
  errors.throwIfAny();
  const project = await examineProject(options.project, overrides);
  const place = { given: server, config, channel, slug: slug ?? project.slugs[0] };
  const examination = await whileWaiting(output, 'Examining', () =>
    examine(project, place, options, context),
  );
  output.document(doctorDocument(examination));
  output.result(doctorLines(examination, output.style));
  const found = examination.findings.flatMap(({ code }) => code ?? []);
  const code = BY_IMPORTANCE.find((each) => found.includes(each)) ?? found[0];
  if (code === undefined) return;
  throw new OtaError(code, `${formatCount(found.length, 'problem')} found`, {
    hint: 'Each is listed above, with what to do about it.',
    issueIds: examination.findings.map(({ id }) => id),
  });
}

interface Place {
  /** Named by an option, the environment or the config file: the token is for this one only. */
  readonly given: URL | undefined;
  readonly config: ConfigFile;
  readonly channel: string | undefined;
  readonly slug: string | undefined;
}

// biome-ignore lint/complexity/useMaxParams: what a command has, and what was read
async function examine(
  project: ExaminedProject,
  place: Place,
  options: DoctorOptions,
  context: Context,
): Promise<Examination> {
  const { given, slug } = place;
  const own = project.endpoints.map(serverOf).find((url) => url !== undefined);
  const server = given ?? own;
  const base = { project, slug, platforms: [] };
  if (server === undefined) {
    return { ...base, server, appId: undefined, findings: [...project.findings, noServer()] };
  }
  const remote = connectToExamine(
    { server, isGiven: given !== undefined, config: place.config },
    options,
    context,
  );
  try {
    const reached = await examineServer(remote);
    const { capabilities } = reached;
    const findings: Finding[] = [...project.findings, ...reached.findings];
    const { appId } = remote;
    if (capabilities === undefined) return { ...base, server, appId, findings };
    const app = await examineKnownApp(remote, project, place);
    const known = place.slug ?? app?.app?.slug ?? undefined;
    const channel = place.channel ?? STABLE;
    findings.push(...(app?.findings ?? []));
    const common = { project, capabilities, appId, channel };
    findings.push(...(await examineEndpoints(remote, { ...common, slug: known })));
    const platforms = platformsOf(app);
    if (known !== undefined) {
      const hasKeyRouting = capabilities.extensions.has('key-routing');
      const asked = { slug: known, channel: place.channel, platforms, project, hasKeyRouting };
      findings.push(...(await examineAnswers(remote, asked)));
    }
    return { project, server, appId, slug: known, platforms: known ? platforms : [], findings };
  } finally {
    await remote.transport.close();
  }
}

async function examineKnownApp(
  remote: ExaminingRemote,
  project: ExaminedProject,
  { channel = STABLE }: Place,
): Promise<ExaminedApp | undefined> {
  const { appId, credential } = remote;
  if (appId === undefined || credential === undefined) return undefined;
  return examineApp(remote, { appId, channel, project, isJob: credential === 'job' });
}

/** Those of live releases, where they are known. */
function platformsOf(app: ExaminedApp | undefined) {
  const files = (app?.app?.releases ?? [])
    .filter(({ status = 'published' }) => status === 'published')
    .flatMap(({ artifacts = [] }) => artifacts);
  const named = files.flatMap((file) => parsePlatform(listedName(file)) ?? []).map(withoutBundleType);
  const distinct = [...new Map(named.map((platform) => [platformName(platform), platform])).values()];
  return distinct.length > 0 ? distinct : COMMON_PLATFORMS;
}

/** The server that an endpoint of this API asks. */
function serverOf(endpoint: string): URL | undefined {
  if (!URL.canParse(endpoint)) return undefined;
  const url = new URL(endpoint);
  const at = url.pathname.indexOf(`${API_ROOT}/`);
  if (at < 0 || !/^https?:$/.test(url.protocol)) return undefined;
  return new URL(url.pathname.slice(0, at) || '/', url.origin);
}

function noServer(): Finding {
  return {
    id: 'server.unknown',
    code: 'usage',
    cause: 'no server is known: no endpoint of the project is one of this API, and none is named',
    fix: 'Pass --server URL, or set "server" in synckit-ota.config.json.',
  };
}

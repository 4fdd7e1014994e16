import { join, resolve } from 'node:path';
import { DEFAULT_MAX_ARTIFACT_BYTES } from '../../protocol/messages.ts';
import { nextRelease } from '../../protocol/version.ts';
import type { PublishEvent } from '../../publish/publish-event.ts';
import type { Traffic } from '../../server/traffic.ts';
import { devOverlay, formatOverlay, OVERLAY_NAME } from '../../tauri/project/dev-overlay.ts';
import { publishToOwnServer } from '../dev/dev-publish.ts';
import { describe, toDocument } from '../dev/dev-report.ts';
import { type DevBuild, findDevBuild } from '../dev/find-dev-build.ts';
import { checkOverlayFile, writeOverlayFile } from '../dev/overlay-file.ts';
import { makeTempDir } from '../dev/temp-dir.ts';
import { describeTraffic, type Offered } from '../dev/traffic-lines.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readVersion } from '../options/release-options.ts';
import { readInteger } from '../options/remote-options.ts';
import { createLogger } from '../output/logger.ts';
import { Reporter } from '../output/publish-reporter.ts';
import type { Context } from '../program.ts';
import { type StartedServer, startServer } from '../wiring/start-server.ts';
import { aborted } from '../wiring/until-aborted.ts';

interface DevOptions {
  readonly project?: string;
  readonly sample?: boolean;
  readonly version?: string;
  readonly port: string;
  readonly overlay?: string;
}

interface DevSettings {
  readonly build: DevBuild;
  /** What it is announced as. */
  readonly version: string;
  readonly port: number;
  /** Undefined for a sample. */
  readonly overlayFile: string | undefined;
}

/** Rehearses an update until it is told to stop, which is its normal end, whenever it comes. Nothing of it stays. */
export async function runDev(options: DevOptions, context: Context): Promise<void> {
  const { signal, release } = abortedByHangup(context.signal);
  const { folder, remove } = makeTempDir();
  try {
    const settings = await readSettings(options, folder);
    await rehearse(settings, folder, { ...context, signal });
  } finally {
    remove();
    release();
  }
}

async function readSettings(options: DevOptions, folder: string): Promise<DevSettings> {
  const problems = new OptionErrors();
  const port = readInteger('--port', options.port, { min: 0, max: 65_535 }, problems);
  const given = options.version === undefined ? undefined : readVersion(options.version, problems);
  const build = await findDevBuild(options, folder, problems);
  if (build?.isSample && options.overlay !== undefined) {
    problems.add('--overlay is for a Tauri project, and the sample is none: leave it out');
  } else if (options.overlay !== undefined) checkOverlayFile(options.overlay, problems);
  problems.throwIfAny();
  if (build === undefined) throw new Error('a build that is not found is a problem');
  return {
    build,
    version: given ?? nextRelease(build.version),
    port,
    overlayFile: build.isSample ? undefined : resolve(options.overlay ?? join(folder, OVERLAY_NAME)),
  };
}

async function rehearse(
  { build, version, port, overlayFile }: DevSettings,
  folder: string,
  { output, signal }: Context,
): Promise<void> {
  const logger = await createLogger({
    format: 'pretty',
    level: 'warn',
    plain: output.plain,
    stream: 'stderr',
  });
  let offered: Offered | undefined;
  const onTraffic = (traffic: Traffic) => {
    if (offered === undefined) return; // the publish sees for itself what is served
    output.result(`${timeOfDay()}  ${describeTraffic(traffic, offered)}`);
  };
  const server = await startServer(
    { ...SERVER_SETTINGS, dataDir: join(folder, 'data'), port },
    logger,
    onTraffic,
  );
  let removeOverlay = () => {};
  try {
    const published = await publishQuietly(server, build, version, { output, signal });
    if (published === 'stopped') return;
    const { publicKey, artifacts } = published;
    if (overlayFile !== undefined) {
      const overlay = devOverlay(server.url, build.slug, publicKey);
      removeOverlay = writeOverlayFile(overlayFile, formatOverlay(overlay));
    }
    offered = { version, platforms: artifacts };
    const rehearsal = { build, version, url: server.url, publicKey, overlayFile, artifacts };
    output.document(toDocument(rehearsal));
    output.result(describe(rehearsal));
    await aborted(signal);
    output.note('stopping: what is under way is answered; once more ends it at once');
  } finally {
    removeOverlay();
    await server.stop();
  }
}

/** For this machine only, and for as long as this runs. */
const SERVER_SETTINGS = {
  host: '127.0.0.1',
  publicUrl: undefined,
  checkMaxAge: 0,
  staleIfError: 0,
  maxArtifactSize: DEFAULT_MAX_ARTIFACT_BYTES,
  trustProxy: [],
  allowVersionReuse: false,
};

/** What goes well while publishing is not what somebody rehearses for. */
async function publishQuietly(
  server: StartedServer,
  build: DevBuild,
  version: string,
  { output, signal }: Pick<Context, 'output' | 'signal'>,
) {
  const reporter = new Reporter(output);
  const report = (event: PublishEvent) => {
    if (output.verbose || event.type === 'warning' || event.type === 'retrying') reporter.report(event);
  };
  try {
    return await publishToOwnServer(server, build, version, { report, signal });
  } catch (error) {
    if (signal.aborted) return 'stopped';
    throw error;
  } finally {
    reporter.stop();
  }
}

/** A closed terminal ends a rehearsal like Ctrl-C: it has to clean up. */
function abortedByHangup(signal: AbortSignal): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const hangup = new AbortController();
  const abort = () => hangup.abort();
  process.on('SIGHUP', abort);
  return {
    signal: AbortSignal.any([signal, hangup.signal]),
    release: () => void process.off('SIGHUP', abort),
  };
}

/** `14:03:22` */
function timeOfDay(): string {
  return new Date().toTimeString().slice(0, 8);
}

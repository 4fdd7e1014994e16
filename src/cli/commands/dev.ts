import { join, resolve } from 'node:path';
import { nextRelease } from '../../protocol/version.ts';
import type { PublishEvent } from '../../publish/publish-event.ts';
import type { Traffic } from '../../server/traffic.ts';
import { devOverlay, formatOverlay, OVERLAY_NAME } from '../../tauri/project/dev-overlay.ts';
import type { Context } from '../context.ts';
import { DEFAULT_MAX_ARTIFACT_BYTES } from '../defaults.ts';
import type { DevBuild } from '../dev/dev-build.ts';
import { publishToOwnServer } from '../dev/dev-publish.ts';
import { describe, toDocument } from '../dev/dev-report.ts';
import { type ChosenFault, readFault } from '../dev/fault-name.ts';
import { FaultyFront, type FaultyFrontOptions } from '../dev/faulty-front.ts';
import { findDevBuild } from '../dev/find-dev-build.ts';
import { checkOverlayFile, writeOverlayFile } from '../dev/overlay-file.ts';
import { makeTempDir } from '../dev/temp-dir.ts';
import { describeTraffic, type Offered } from '../dev/traffic-lines.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readVersion } from '../options/release-options.ts';
import { readInteger } from '../options/remote-options.ts';
import { createLogger } from '../output/logger.ts';
import { PublishReporter } from '../output/publish-reporter.ts';
import { cargoAsker } from '../wiring/ask-cargo.ts';
import { cannotListen } from '../wiring/listen-address.ts';
import { watchForShutdown } from '../wiring/shutdown.ts';
import { type StartedServer, startServer } from '../wiring/start-server.ts';
import { untilAborted } from '../wiring/until-aborted.ts';
import type { DevOptions } from './dev-command.ts';

/** Offers an update until it is stopped, which is its normal end. Nothing of it stays. */
export async function runDev(options: DevOptions, context: Context): Promise<void> {
  const { signal, release } = watchForShutdown(context);
  const { folder, remove } = makeTempDir();
  try {
    const session = { ...context, signal, folder };
    await serveUpdate(await readSettings(options, session), session);
  } finally {
    remove();
    release();
  }
}

interface DevSettings {
  readonly build: DevBuild;
  /** What it is offered as. */
  readonly version: string;
  readonly port: number;
  readonly fault: ChosenFault | undefined;
  /** Undefined for a sample. */
  readonly overlayFile: string | undefined;
}

/** Where one run of the command keeps its data. */
interface DevContext extends Context {
  readonly folder: string;
}

async function readSettings(options: DevOptions, context: DevContext): Promise<DevSettings> {
  const { folder, environment } = context;
  const errors = new OptionErrors();
  const port = readInteger({ option: '--port', text: options.port, min: 0, max: 65_535 }, errors);
  const fault = readFault(options.fault, errors);
  const given = options.version === undefined ? undefined : readVersion(options.version, errors, 'usage');
  const build = await findDevBuild(
    { ...options, folder, environment, askCargo: cargoAsker(context) },
    errors,
  );
  if (build?.isSample && options.overlay !== undefined) {
    errors.add('--overlay works only with a Tauri project, not with the sample: leave it out');
  } else if (options.overlay !== undefined) checkOverlayFile(options.overlay, errors);
  if (!errors.isEmpty || build === undefined) throw errors.toError();
  return {
    build,
    version: given ?? nextRelease(build.version),
    port,
    fault,
    overlayFile: build.isSample ? undefined : resolve(options.overlay ?? join(folder, OVERLAY_NAME)),
  };
}

async function serveUpdate(settings: DevSettings, context: DevContext): Promise<void> {
  const { build, version, port, fault, overlayFile } = settings;
  const { output, signal, folder } = context;
  const { colors, printable } = output;
  const logger = await createLogger({
    format: 'pretty',
    level: 'warn',
    colors,
    printable,
    stream: 'stderr',
  });
  let offered: Offered | undefined;
  const logLine = (line: string) => output.result(`${timeOfDay()}  ${line}`);
  const onTraffic = (traffic: Traffic) => {
    if (offered === undefined) return; // the publish checks by itself what is served
    logLine(describeTraffic(traffic, offered));
  };
  const front = fault && (await startFront({ fault, port, onFault: logLine }));
  const serverSettings = {
    ...SERVER_SETTINGS,
    publicUrl: front?.url,
    dataDir: join(folder, 'data'),
    listen: { host: '127.0.0.1', port: front === undefined ? port : 0 },
  };
  const started = await startServer(serverSettings, logger, { onTraffic });
  front?.connect(started.url);
  const server = { ...started, url: front?.url ?? started.url };
  output.loseUnwritten();
  let removeOverlay = () => {};
  try {
    const published = await publishQuietly(server, settings, context);
    if (published === 'stopped') return;
    const { publicKey, artifacts } = published;
    if (overlayFile !== undefined) {
      const overlay = devOverlay(server.url, build.slug, publicKey);
      removeOverlay = writeOverlayFile(overlayFile, formatOverlay(overlay));
    }
    offered = { version, platforms: artifacts };
    front?.activate();
    const session = { build, version, url: server.url, publicKey, overlayFile, artifacts, fault };
    output.document(toDocument(session));
    output.result(describe(session, output.style, output.columns));
    await untilAborted(signal);
    output.note('Shutting down… press Ctrl-C again to force quit');
  } finally {
    removeOverlay();
    await front?.stop();
    await server.stop();
  }
}

async function startFront(options: FaultyFrontOptions): Promise<FaultyFront> {
  try {
    return await FaultyFront.start(options);
  } catch (cause) {
    throw cannotListen(cause, { host: '127.0.0.1', port: options.port });
  }
}

/** For this machine only, and for as long as this runs. */
const SERVER_SETTINGS = {
  publicUrl: undefined,
  checkMaxAge: 0,
  staleIfError: 0,
  maxArtifactSize: DEFAULT_MAX_ARTIFACT_BYTES,
  trustProxy: [],
  allowVersionReuse: false,
  web: true,
};

/** Publishes the build, and shows only what goes wrong, unless `--verbose`. */
async function publishQuietly(
  server: StartedServer,
  { build, version }: DevSettings,
  { output, signal }: DevContext,
) {
  const reporter = new PublishReporter(output);
  const report = (event: PublishEvent) => {
    if (output.verbose || event.type === 'warning' || event.type === 'retrying') reporter.report(event);
  };
  try {
    return await publishToOwnServer(build, { server, version, report, signal });
  } catch (error) {
    if (signal.aborted) return 'stopped';
    throw error;
  } finally {
    reporter.stop();
  }
}

/** `14:03:22` */
function timeOfDay(): string {
  return new Date().toTimeString().slice(0, 8);
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type MarkedKind, type Plugin, programOf } from './plugins.ts';

/** What the app was built with, and what it is to do. */
export interface InstalledApp {
  readonly version: string;
  /** `plugins.updater` of its `tauri.conf.json`. */
  readonly updater: {
    readonly pubkey: string;
    readonly endpoints: readonly string[];
    readonly requireSignedVersion?: boolean;
  };
  /** Downloads are verified at once. */
  readonly until: 'check' | 'download' | 'install';
  /** The target that the app's own code sets, if it does. */
  readonly target?: string;
  /** How long an endpoint may take that the app's own code asks, in milliseconds; by default for ever. */
  readonly timeoutMs?: number;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How it is installed. */
export interface Installation {
  /** The kind of bundle that its program was put into. */
  readonly kind?: MarkedKind;
  /** The AppImage that it runs from. */
  readonly appImage?: string;
  /** Its program, if that is not where it was built. */
  readonly program?: string;
}

/** What the app saw and did, by the plugin's own words. */
export interface Outcome {
  /** What the check announced; null if there is no update, absent if it failed. */
  readonly update?: {
    readonly version: string;
    readonly notes: string | null;
    readonly url: string;
    readonly signature: string;
    // biome-ignore lint/suspicious/noExplicitAny: tests state what they expect of it
    readonly rawJson: any;
  } | null;
  /** How long the check took, in milliseconds, where it has a timeout. */
  readonly checkMs?: number;
  readonly verified?: true;
  readonly size?: number;
  readonly installed?: true;
  /** The kind of the plugin's error. */
  readonly error?: string;
  readonly message?: string;
}

/** Lets the app look for an update, and take it as far as it is told to. */
export async function runApp(
  plugin: Plugin,
  app: InstalledApp,
  { kind, appImage, program = programOf(plugin, kind) }: Installation = {},
): Promise<Outcome> {
  const { APPIMAGE: _, ...inherited } = process.env;
  const env = { ...inherited, ...(appImage !== undefined && { APPIMAGE: appImage }) };
  const child = spawn(program, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  // Release builds of apps refuse http without it.
  const updater = { ...app.updater, dangerousInsecureTransportProtocol: true };
  child.stdin.end(JSON.stringify({ ...app, updater }));
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  // Package managers write to stdout too; the client's report comes last.
  const report = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (code !== 0 || !report.startsWith('{'))
    throw new Error(`${program} failed (exit ${code}): ${stderr}${stdout}`);
  return JSON.parse(report);
}

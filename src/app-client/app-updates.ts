import { type CheckOptions, check, type Update } from '@tauri-apps/plugin-updater';

/** Where an app keeps a few words: `localStorage`, or what a plugin like `store` offers. */
export interface AppStorage {
  getItem(key: string): string | null | undefined | Promise<string | null | undefined>;
  setItem(key: string, value: string): unknown;
}

export interface AppUpdatesOptions extends Omit<CheckOptions, 'headers'> {
  /** Offers the higher of this channel's releases and those in `stable`. Default: `stable`. */
  readonly channel?: string;
  /** How long each endpoint may take, in milliseconds; then the updater asks the next one. Default: 10,000. */
  readonly timeout?: number;
  readonly storage?: AppStorage; // default: `localStorage`
  readonly headers?: Readonly<Record<string, string>>;
}

export interface DownloadProgress {
  readonly downloaded: number; // bytes so far, from 0 with each attempt
  readonly total: number | undefined; // bytes, where the server says it
}

export interface DownloadSettings {
  readonly attempts?: number; // default: 3
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** How an update ended: what the server counts, about no one. */
export interface UpdateEvent {
  readonly version: string;
  readonly from_version?: string;
  readonly target: string; // windows, darwin, linux
  readonly arch: string; // x86_64, aarch64, …
  readonly outcome: 'installed' | 'failed' | 'crashed';
  readonly code?: string; // up to 32 letters, digits, dots, dashes and underscores
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_ATTEMPTS = 3;
const FIRST_WAIT_MS = 1000; // doubled after each failure
const COHORTS = 100;
const KEY = 'synckit-ota.cohort';

/** The updates of a Tauri app, by its updater plugin: who it is in rollouts, its channel, and patience with the network. */
export class AppUpdates {
  readonly #options: AppUpdatesOptions;
  readonly #asking = new Map<boolean, Promise<Update | null>>();
  #cohort: Promise<number | undefined> | undefined;

  constructor(options: AppUpdatesOptions = {}) {
    this.#options = options;
  }

  /** 0 to 99, drawn once and kept; undefined where that fails: with another one at each start an app would be in any rollout. */
  cohort(): Promise<number | undefined> {
    this.#cohort ??= keptCohort(this.#options.storage).catch(() => undefined);
    return this.#cohort;
  }

  /** Asks in the background. Null where there is no update. Rejects as the plugin's `check`. */
  check(): Promise<Update | null> {
    return this.#ask(false);
  }

  /** Asks because the user wants to: goes past a rollout, not past a pause or a schedule. */
  checkNow(): Promise<Update | null> {
    return this.#ask(true);
  }

  /** Downloads an update, which the plugin verifies; `update.install()` is next. Rejects with the error of the last attempt. */
  async download(
    update: Update,
    { attempts = DEFAULT_ATTEMPTS, onProgress }: DownloadSettings = {},
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await downloadOnce(update, onProgress);
        return;
      } catch (error) {
        if (attempt >= attempts) throw error;
        await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * 2 ** (attempt - 1)));
      }
    }
  }

  /** Reports how an update ended, to the server that offered it. Never rejects; where another server did, it does nothing. */
  async report(
    { rawJson, version, currentVersion }: Update,
    outcome: UpdateEvent['outcome'],
    code?: string,
  ): Promise<void> {
    const [, app, target, arch] = OWN_DOWNLOAD.exec(String(rawJson.url)) ?? [];
    if (app === undefined || target === undefined || arch === undefined) return;
    const event = { version, from_version: currentVersion, target, arch, outcome };
    await reportEvent(app, code === undefined ? event : { ...event, code }, await this.cohort());
  }

  #ask(isManual: boolean): Promise<Update | null> {
    const asking = this.#asking.get(isManual) ?? this.#send(isManual);
    this.#asking.set(isManual, asking);
    const forget = () => this.#asking.delete(isManual);
    asking.then(forget, forget);
    return asking;
  }

  async #send(isManual: boolean): Promise<Update | null> {
    const { channel, storage: _, headers, timeout = DEFAULT_TIMEOUT_MS, ...options } = this.#options;
    const cohort = await this.cohort();
    return check({
      ...options,
      timeout,
      headers: {
        ...headers,
        ...(channel !== undefined && { 'X-Ota-Channel': channel }),
        ...(cohort !== undefined && { 'X-Ota-Cohort': String(cohort) }),
        ...(isManual && { 'X-Ota-Manual': '1' }),
      },
    });
  }
}

/** Of the download of an update: the app's URL, its target and its arch. */
const OWN_DOWNLOAD = /^(https?:.+\/api\/sync\/ota\/[^/]+)\/download\/[^/]+\/([^/?]+)\/([^/?]+)/;

/**
 * Reports how an update ended. Never rejects: what a server that is away misses is not worth an error.
 * @param app the app's URL, like `https://updates.example.com/api/sync/ota/my-app`
 * @param cohort as the app sends it with its checks
 */
export async function reportEvent(app: string, event: UpdateEvent, cohort?: number): Promise<void> {
  const url = `${app}/events${cohort === undefined ? '' : `?cohort=${cohort}`}`;
  const headers = { 'Content-Type': 'application/json' };
  // `keepalive` sends it also where the app ends now, as it does to install an update.
  await fetch(url, { method: 'POST', headers, body: JSON.stringify(event), keepalive: true }).catch(() => {});
}

async function keptCohort(given: AppStorage | undefined): Promise<number | undefined> {
  const storage = given ?? (globalThis as { readonly localStorage?: AppStorage }).localStorage;
  const kept = await storage?.getItem(KEY);
  if (kept != null && /^\d{1,2}$/.test(kept)) return Number(kept);
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  const drawn = random % COHORTS;
  await storage?.setItem(KEY, String(drawn));
  return storage && drawn;
}

async function downloadOnce(update: Update, onProgress: DownloadSettings['onProgress']): Promise<void> {
  let downloaded = 0;
  let total: number | undefined;
  await update.download((event) => {
    if (event.event === 'Started') total = event.data.contentLength;
    if (event.event === 'Progress') downloaded += event.data.chunkLength;
    onProgress?.({ downloaded, total });
  });
}

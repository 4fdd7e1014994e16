import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AppStorage, AppUpdates } from '../../../src/app-client/app-updates.ts';

const UPDATE = { rid: 7, currentVersion: '1.0.0', version: '1.1.0', rawJson: { version: '1.1.0' } };

type Payload = {
  readonly headers?: readonly (readonly [string, string])[];
  readonly timeout?: number;
  readonly onEvent?: { readonly id: number };
};

/** The requests that the real plugin's JavaScript sends to its Rust side, which answers with these. */
function rustSide(answer: (command: string, payload: Payload, n: number) => unknown) {
  const calls: { command: string; payload: Payload }[] = [];
  mockIPC((command, payload) => {
    calls.push({ command, payload: payload as Payload });
    return answer(command, payload as Payload, calls.length);
  });
  return calls;
}

function memory(words: Record<string, string> = {}): AppStorage & { readonly words: Record<string, string> } {
  return {
    words,
    getItem: (key) => words[key] ?? null,
    setItem: async (key, value) => {
      words[key] = value;
    },
  };
}

const headersOf = (payload: Payload | undefined) =>
  Object.fromEntries((payload?.headers ?? []).map(([name, value]) => [name.toLowerCase(), value]));

beforeEach(() => {
  vi.stubGlobal('window', globalThis);
});

afterEach(() => {
  clearMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test('a check says the cohort and the channel, and does not wait for a silent endpoint for ever', async () => {
  const calls = rustSide(() => UPDATE);
  const updates = new AppUpdates({
    channel: 'beta',
    headers: { 'X-Own': '1' },
    target: 'kiosk-1',
    storage: memory({ 'synckit-ota.cohort': '7' }),
  });
  expect((await updates.check())?.version).toBe('1.1.0');
  expect(calls.map(({ command }) => command)).toEqual(['plugin:updater|check']);
  expect(calls[0]?.payload).toMatchObject({ timeout: 10_000, target: 'kiosk-1' });
  expect(headersOf(calls[0]?.payload)).toEqual({
    'x-own': '1',
    'x-ota-channel': 'beta',
    'x-ota-cohort': '7',
  });
});

test('a check by hand says so, and "no update" is null', async () => {
  const calls = rustSide(() => null);
  const updates = new AppUpdates({ storage: memory(), timeout: 500 });
  expect(await updates.checkNow()).toBeNull();
  expect(headersOf(calls[0]?.payload)).toMatchObject({ 'x-ota-manual': '1' });
  expect(calls[0]?.payload.timeout).toBe(500);
});

test('the cohort is drawn once, from 0 to 99, and kept', async () => {
  const drawn = new Set<number | undefined>();
  for (let n = 0; n < 2000; n++) drawn.add(await new AppUpdates({ storage: memory() }).cohort());
  expect(drawn.size).toBe(100);
  expect([...drawn].every((cohort) => cohort !== undefined && cohort >= 0 && cohort < 100)).toBe(true);
  const storage = memory();
  const cohort = await new AppUpdates({ storage }).cohort();
  expect(storage.words).toEqual({ 'synckit-ota.cohort': String(cohort) });
  expect(await new AppUpdates({ storage }).cohort()).toBe(cohort);
  vi.stubGlobal('localStorage', storage);
  expect(await new AppUpdates().cohort()).toBe(cohort);
  const damaged = memory({ 'synckit-ota.cohort': '100' });
  await new AppUpdates({ storage: damaged }).cohort();
  expect(damaged.words['synckit-ota.cohort']).toMatch(/^\d{1,2}$/);
});

test('an app without a storage that works says no cohort', async () => {
  vi.stubGlobal('localStorage', undefined);
  const failing = () => Promise.reject(new Error('full'));
  const calls = rustSide(() => null);
  for (const storage of [undefined, { getItem: () => null, setItem: failing }]) {
    await new AppUpdates(storage && { storage }).check();
    expect(headersOf(calls.at(-1)?.payload)).toEqual({});
  }
});

test('questions at the same time are one, later ones are others', async () => {
  const calls = rustSide(() => null);
  const updates = new AppUpdates({ storage: memory() });
  await Promise.all([updates.check(), updates.check(), updates.checkNow()]);
  expect(calls).toHaveLength(2);
  await updates.check();
  expect(calls).toHaveLength(3);
});

test('a failed check rejects, and the next one asks again', async () => {
  rustSide((_command, _payload, n) => {
    if (n === 1) throw new Error('Could not fetch a valid release JSON from the remote');
    return UPDATE;
  });
  const updates = new AppUpdates({ storage: memory() });
  await expect(updates.check()).rejects.toThrow('release JSON');
  expect((await updates.check())?.version).toBe('1.1.0');
});

test('a download is tried again after a failure, with its progress, and rejects after the last one', async () => {
  vi.useFakeTimers();
  let failures = 2;
  const calls = rustSide((command, { onEvent }) => {
    if (command === 'plugin:updater|check') return UPDATE;
    const send = (index: number, message: unknown) =>
      (
        globalThis as never as { __TAURI_INTERNALS__: { runCallback(id: number, data: unknown): void } }
      ).__TAURI_INTERNALS__.runCallback(onEvent?.id ?? 0, { index, message });
    send(0, { event: 'Started', data: { contentLength: 10 } });
    send(1, { event: 'Progress', data: { chunkLength: 4 } });
    if (failures-- > 0) throw new Error('connection reset');
    send(2, { event: 'Progress', data: { chunkLength: 6 } });
    send(3, { event: 'Finished' });
    return 8;
  });
  const updates = new AppUpdates({ storage: memory() });
  const update = await updates.check();
  if (update === null) throw new Error('no update');
  const seen: number[] = [];
  const done = updates.download(update, { onProgress: ({ downloaded }) => seen.push(downloaded) });
  await vi.runAllTimersAsync();
  await done;
  expect(calls.filter(({ command }) => command === 'plugin:updater|download')).toHaveLength(3);
  expect(seen).toEqual([0, 4, 0, 4, 0, 4, 10, 10]);
  failures = 9;
  const failing = expect(updates.download(update, { attempts: 2 })).rejects.toThrow('connection reset');
  await vi.runAllTimersAsync();
  await failing;
});

describe('a report', () => {
  const url = 'https://updates.example.com/base/api/sync/ota/my-app/download/r1/darwin/aarch64?x=1';

  function server(answer: () => Response = () => new Response(null, { status: 204 })) {
    const sent: { readonly url: string; readonly body: unknown; readonly keepalive: boolean | undefined }[] =
      [];
    vi.stubGlobal('fetch', async (to: string, { body, keepalive }: RequestInit) => {
      sent.push({ url: to, body: JSON.parse(String(body)), keepalive });
      return answer();
    });
    return sent;
  }

  test('goes to the server that offered the update, with its platform and the cohort', async () => {
    rustSide(() => ({ ...UPDATE, rawJson: { version: '1.1.0', url } }));
    const sent = server();
    const updates = new AppUpdates({ storage: memory({ 'synckit-ota.cohort': '7' }) });
    const update = await updates.check();
    if (update === null) throw new Error('no update');
    await updates.report(update, 'failed', 'disk_full');
    await updates.report(update, 'installed');
    const event = { version: '1.1.0', from_version: '1.0.0', target: 'darwin', arch: 'aarch64' };
    const events = 'https://updates.example.com/base/api/sync/ota/my-app/events?cohort=7';
    expect(sent).toEqual([
      { url: events, body: { ...event, outcome: 'failed', code: 'disk_full' }, keepalive: true },
      { url: events, body: { ...event, outcome: 'installed' }, keepalive: true },
    ]);
  });

  test('is no error where the server is away, or where another one made the offer', async () => {
    rustSide((_, __, n) => ({ ...UPDATE, rawJson: { url: n === 1 ? url : 'https://example.com/a.zip' } }));
    const sent = server(() => {
      throw new TypeError('fetch failed');
    });
    const updates = new AppUpdates({ storage: memory() });
    const [own, other] = [await updates.check(), await updates.check()];
    if (own === null || other === null) throw new Error('no update');
    await updates.report(own, 'failed');
    await updates.report(other, 'failed');
    expect(sent).toHaveLength(1);
  });
});

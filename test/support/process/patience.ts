import { vi } from 'vitest';

/** How long to wait for something that will happen, in milliseconds: also on a busy machine, but not for ever. */
const PATIENCE_MS = 20_000;

/* A setup file of all tiers: vitest waits for one second, which is too short on a loaded machine. */
const { waitFor, waitUntil } = vi;
vi.waitFor = (callback, options) => waitFor(callback, withPatience(options));
vi.waitUntil = (callback, options) => waitUntil(callback, withPatience(options));

type WaitOptions = Parameters<typeof vi.waitFor>[1];

function withPatience(options: WaitOptions): WaitOptions {
  return typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options };
}

import { vi } from 'vitest';

/** How long something that will happen is waited for, in milliseconds: on a busy machine too, but not without end. */
const PATIENCE_MS = 20_000;

/* A setup file of all tiers: vitest waits for one second, which a loaded machine takes for anything. */
const { waitFor, waitUntil } = vi;
vi.waitFor = (callback, options) => waitFor(callback, withPatience(options));
vi.waitUntil = (callback, options) => waitUntil(callback, withPatience(options));

type WaitOptions = Parameters<typeof vi.waitFor>[1];

function withPatience(options: WaitOptions): WaitOptions {
  return typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options };
}

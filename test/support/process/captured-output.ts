import { afterEach, beforeEach, vi } from 'vitest';

/** Captures what this process writes during each test of the file. */
export function captureOutput(): { stdout: string; stderr: string } {
  const written = { stdout: '', stderr: '' };
  beforeEach(() => {
    Object.assign(written, { stdout: '', stderr: '' });
    for (const name of ['stdout', 'stderr'] as const) {
      vi.spyOn(process[name], 'write').mockImplementation((text) => {
        written[name] += String(text);
        return true;
      });
    }
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return written;
}

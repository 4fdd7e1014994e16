import { describe, expect, test } from 'vitest';
import { channelsOf, type OfferedRelease, offeredVersions } from '../../../src/web/offered-versions.ts';

function release(version: string, fields: Partial<OfferedRelease> = {}, targets = ['linux']): OfferedRelease {
  return {
    ...{ id: version, version, status: 'published', channel: 'stable' },
    artifacts: targets.map((target) => ({
      ...{ target, arch: 'x86_64', file_size: 1, sha256: '', signature: null },
    })),
    ...fields,
  };
}

const share = (percent: number) => ({ rollout: { percent, share: percent, state: 'partial' } });
const linux = (releases: readonly OfferedRelease[], channel = 'stable') =>
  offeredVersions(releases, channel).get('linux-x86_64');

describe('what apps are offered', () => {
  test('is the highest live release of their channel that has a file for them', () => {
    const releases = [
      release('5.0.0', { status: 'draft' }),
      release('4.0.0', { status: 'yanked' }),
      release('3.0.0', { paused_at: '2026-11-01T00:00:00Z' }),
      release('2.5.0', { channel: 'beta' }),
      release('2.4.0', {}, ['windows']),
      release('2.0.0', {}, ['linux', 'windows']),
    ];
    expect(linux(releases)).toBe('2.0.0');
    expect(offeredVersions(releases, 'stable').get('windows-x86_64')).toBe('2.4.0');
    expect(linux(releases, 'beta')).toBe('2.5.0');
    expect(channelsOf(releases)).toEqual(['stable', 'beta']);
    expect(linux([release('1.0.0', { status: 'yanked' })])).toBe('nothing');
  });

  test('is the one below for those outside of a rollout', () => {
    expect(linux([release('2.0.0', share(25)), release('1.0.0')])).toBe('2.0.0 to 25 %, else 1.0.0');
    expect(linux([release('2.0.0', share(0)), release('1.0.0')])).toBe('1.0.0');
    expect(linux([release('2.0.0', share(25))])).toBe('2.0.0 to 25 %');
  });
});

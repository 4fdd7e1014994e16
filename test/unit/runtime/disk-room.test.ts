import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DiskRoom, RESERVE_FILE } from '../../../src/runtime/disk-room.ts';

function reservedRoom() {
  const folder = mkdtempSync(join(tmpdir(), 'synckit-ota-room-'));
  const room = new DiskRoom(folder);
  onTestFinished(() => {
    room.close();
    rmSync(folder, { recursive: true });
  });
  room.fill();
  return { room, reserved: () => statSync(join(folder, RESERVE_FILE)).size };
}

const noSpace = (code: string) => Object.assign(new Error('no space left'), { code });

test('crash B3: what works without it takes nothing of the reserve', async () => {
  const { room, reserved } = reservedRoom();
  const whole = reserved();
  expect(await room.lend(async () => 'done')).toBe('done');
  expect(reserved()).toBe(whole);
});

test.each(['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'no_space'])(
  'crash B3: after %s it is tried again with a little of the reserve, until all of it is given up',
  async (code) => {
    const { room, reserved } = reservedRoom();
    const sizes: number[] = [];
    const fail = room.lend(async () => {
      sizes.push(reserved());
      throw noSpace(code);
    });
    await expect(fail).rejects.toMatchObject({ code });
    expect(sizes.at(-1)).toBe(0);
    expect(sizes.length).toBeGreaterThan(30);
    expect(sizes).toEqual([...new Set(sizes)].sort((a, b) => b - a));
  },
);

test('crash B3: another failure is not tried again', async () => {
  const { room, reserved } = reservedRoom();
  const whole = reserved();
  await expect(room.lend(() => Promise.reject(noSpace('EIO')))).rejects.toMatchObject({ code: 'EIO' });
  expect(reserved()).toBe(whole);
});

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Turn, type TurnRequest, TurnTable } from '../../../../src/storage/disk/part-turns.ts';

let table: TurnTable;
let heard: string[];

beforeEach(() => {
  table = new TurnTable();
  heard = [];
});

/** Requests a turn, and writes down what is heard of it. @returns ends it */
function request(name: string, wanted: Partial<TurnRequest> = {}): () => void {
  return table.request(
    { upload: 'upload', isUrgent: false, ...wanted },
    {
      granted: () => heard.push(`${name} granted`),
      refused: () => heard.push(`${name} refused`),
      wanted: (isUrgent) => heard.push(`${name} wanted${isUrgent ? ' urgently' : ''}`),
    },
  );
}

describe('a turn', () => {
  test('of a part is granted to one at a time, in order; whoever has it hears once that others wait', () => {
    const end = request('first', { part: 1 });
    const endSecond = request('second', { part: 1 });
    request('third', { part: 1 });
    expect(heard).toEqual(['first granted', 'first wanted']);
    end();
    expect(heard.slice(2)).toEqual(['second granted', 'second wanted']);
    endSecond();
    expect(heard.slice(4)).toEqual(['third granted']);
  });

  test('of one part is granted beside those of others, and of other uploads', () => {
    for (const part of [1, 2, 3]) request(`part ${part}`, { part });
    request('another upload', { upload: 'another' });
    expect(heard).toEqual(['part 1 granted', 'part 2 granted', 'part 3 granted', 'another upload granted']);
  });

  test('for all of an upload waits for every part, and every later part for it', () => {
    const ends = [1, 2].map((part) => request(`part ${part}`, { part }));
    const endAll = request('all');
    request('part 3', { part: 3 });
    for (const end of ends) end();
    expect(heard).toEqual([
      'part 1 granted',
      'part 2 granted',
      'part 1 wanted',
      'part 2 wanted',
      'all granted',
      'all wanted',
    ]);
    endAll();
    expect(heard.slice(6)).toEqual(['part 3 granted']);
  });

  test('that is wanted urgently hears it, also if it was wanted before or is granted later', () => {
    const end = request('first', { part: 1 });
    request('second', { part: 1 });
    request('all', { isUrgent: true });
    expect(heard).toEqual(['first granted', 'first wanted', 'first wanted urgently']);
    end();
    expect(heard.slice(3)).toEqual(['second granted', 'second wanted urgently']);
  });

  test('attack H2: is refused at once where too many wait for the same part, and whoever has it hears of that', () => {
    const end = request('first', { part: 1, maxWaiting: 0 });
    const endRefused = request('second', { part: 1, maxWaiting: 0 });
    request('another part', { part: 2, maxWaiting: 0 });
    expect(heard).toEqual(['first granted', 'first wanted', 'second refused', 'another part granted']);
    endRefused();
    request('third', { part: 1, maxWaiting: 1 });
    request('fourth', { part: 1, maxWaiting: 1 });
    expect(heard.slice(4)).toEqual(['fourth refused']);
    end();
    expect(heard.slice(5)).toEqual(['third granted']);
  });

  test('is not waited for any more once the wait has ended, and ends once', () => {
    const end = request('first', { part: 1 });
    const endSecond = request('second', { part: 1 });
    request('third', { part: 1 });
    endSecond();
    end();
    end();
    expect(heard).toEqual(['first granted', 'first wanted', 'third granted']);
  });
});

describe('whoever has a turn', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const take = (isUrgent = false) => Turn.take(table, { upload: 'upload', part: 1, isUrgent });

  test('gives way to others when it does not move, and keeps it while it moves or no one waits', async () => {
    const turn = await take();
    vi.advanceTimersByTime(60_000);
    const next = take();
    for (let i = 0; i < 20; i++) {
      turn.moved();
      vi.advanceTimersByTime(3000);
    }
    expect(turn.signal.aborted).toBe(false);
    vi.advanceTimersByTime(3000);
    expect(turn.signal.aborted).toBe(true);
    turn.end();
    expect((await next).signal.aborted).toBe(false);
  });

  test('gives way at once to what is urgent', async () => {
    const turn = await take();
    void take(true);
    expect(turn.signal.aborted).toBe(true);
  });

  test('counts its time from when it got the turn', async () => {
    const first = await take();
    const waiting = take();
    void take();
    vi.advanceTimersByTime(4000);
    first.end();
    const second = await waiting;
    vi.advanceTimersByTime(4000);
    expect(second.signal.aborted).toBe(false);
    vi.advanceTimersByTime(2000);
    expect(second.signal.aborted).toBe(true);
  });
});

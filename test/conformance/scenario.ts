import { expect } from 'vitest';
import type { Need, Reply } from './target.ts';
import type { World } from './world.ts';

/** What a response must be. */
export interface Expectation {
  /** On other servers a refusal can have any 4xx and a creation any 2xx: api.md names neither. */
  readonly status: number;
  /** The JSON body, exactly; asymmetric matchers stand for what varies. */
  readonly is?: unknown;
  /** Fields that are in the JSON body. */
  readonly has?: object;
  /** Text that does not occur in the body. */
  readonly hasNot?: readonly string[];
  /** The body, byte for byte. */
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, unknown>>;
  /** The response comes from where the bytes are stored: a remote store has its own bodies, and refuses with any 4xx. */
  readonly byStore?: true;
  /** The stable code of the problem, and the fields it names. Checked for our own server only. */
  readonly problem?: { readonly code: unknown; readonly fields?: readonly string[] };
}

export interface Step {
  readonly act: (world: World) => Promise<Reply>;
  readonly expected: (world: World) => Expectation;
}

export interface Scenario {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly steps: readonly Step[];
}

export function scenario(name: string, steps: readonly Step[], ...needs: Need[]): Scenario {
  return { name, needs, steps };
}

export function step(act: Step['act'], expected: Expectation | Step['expected']): Step {
  return { act, expected: typeof expected === 'function' ? expected : () => expected };
}

/** Statuses that api.md names; on other servers the rest count by their class. */
const DOCUMENTED_STATUSES = [204, 302];

/** What is known about the server that responded. */
export interface Answerer {
  readonly ours: boolean;
  /** Whether it stores the bytes itself. */
  readonly stores: boolean;
}

export function expectReply(reply: Reply, expected: Expectation, { ours: isOurs, stores }: Answerer): void {
  const byAnother = expected.byStore === true && !stores;
  const ours = isOurs && !(byAnother && expected.status >= 400);
  const text = reply.body.toString('utf8');
  const exact = ours || DOCUMENTED_STATUSES.includes(expected.status);
  if (exact) expect(reply.status, text).toBe(expected.status);
  else expect(Math.floor(reply.status / 100), text).toBe(Math.floor(expected.status / 100));
  if (reply.status === 204) expect(text).toBe('');
  if (expected.is !== undefined && !byAnother) expect(JSON.parse(text)).toEqual(expected.is);
  if (expected.has !== undefined && !byAnother) expect(JSON.parse(text)).toMatchObject(expected.has);
  if (expected.bytes !== undefined) expect(reply.body.equals(expected.bytes), text.slice(0, 200)).toBe(true);
  for (const absent of expected.hasNot ?? []) expect(text).not.toContain(absent);
  const headers = ours || expected.status < 400 ? Object.entries(expected.headers ?? {}) : [];
  for (const [name, value] of headers) expect(reply.headers[name], name).toEqual(value);
  if (ours && expected.status >= 400) expectProblem(reply, expected);
}

function expectProblem(reply: Reply, { status, problem }: Expectation): void {
  if (problem === undefined) throw new Error('a refusal of ours has a code: say which');
  expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
  const body = JSON.parse(reply.body.toString('utf8'));
  expect(body).toMatchObject({
    type: 'about:blank',
    title: expect.any(String),
    detail: expect.any(String),
    status,
    code: problem.code,
  });
  const fields = (body.errors ?? []).map(({ field }: { field: string }) => field);
  expect(fields, body.detail).toEqual(problem.fields ?? []);
}

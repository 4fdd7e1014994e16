import type { Answer, Fault, ProxiedRequest } from './fault.ts';

/** What can happen to a request, adapted to a recorded one. */
export interface RequestFault {
  readonly name: string;
  /** Undefined if that cannot happen to such a request. */
  readonly of: (recorded: Measure) => Fault | undefined;
  /** Whether it looks intended by the server: the client does not retry then. */
  readonly looksMeant?: true;
}

interface Measure {
  /** Bytes of the request's body. */
  readonly body: number;
  /** Bytes of the response with its head, and of its head. */
  readonly answer: number;
  readonly head: number;
}

const status = (code: number, headers: Answer['headers'] = {}): Answer => ({
  status: code,
  headers,
  body: Buffer.from(`{"title":"forged ${code}"}`),
});
const BUSY = status(429, { 'retry-after': '1' });
const DOWN = status(503, { 'retry-after': '1' });

const requestByte = (at: number, { body }: Measure): Fault | undefined =>
  body > 0 ? { at: { requestByte: at }, outcome: 'reset' } : undefined;
const answerByte = (at: number, { answer }: Measure): Fault | undefined =>
  at < answer ? { at: { answerByte: at }, outcome: 'close' } : undefined;
const halved = (answer: Answer): Answer => ({
  ...answer,
  body: answer.body.subarray(0, Math.floor(answer.body.length / 2)),
});
const shortDelay = () => new Promise((resolve) => setTimeout(resolve, 20));

/** R55: drop, delay, truncate, 5xx and 429, before, during and after a request, also after the server applied it. */
export const REQUEST_FAULTS: readonly RequestFault[] = [
  { name: 'is reset before the server sees it', of: () => ({ at: 'before', outcome: 'reset' }) },
  { name: 'is closed before the server sees it', of: () => ({ at: 'before', outcome: 'close' }) },
  { name: 'is cut before the first byte of its body', of: (request) => requestByte(0, request) },
  { name: 'is cut in the middle of its body', of: (request) => requestByte(request.body >> 1, request) },
  {
    name: 'is cut before the last byte of its body',
    of: (request) => requestByte(request.body - 1, request),
  },
  { name: 'is applied and then reset', of: () => ({ at: 'applied', outcome: 'reset' }) },
  { name: 'is applied and then closed', of: () => ({ at: 'applied', outcome: 'close' }) },
  { name: "gets the first byte of its response's head", of: (request) => answerByte(1, request) },
  { name: "gets half of its response's head", of: (request) => answerByte(request.head >> 1, request) },
  { name: "gets only its response's head", of: (request) => answerByte(request.head, request) },
  {
    name: 'gets half of its response',
    of: (request) => answerByte((request.head + request.answer) >> 1, request),
  },
  {
    name: 'gets all of its response but the last byte',
    of: (request) => answerByte(request.answer - 1, request),
  },
  {
    name: 'gets half of its response as if that were all',
    of: ({ answer, head }) => (answer > head ? { at: 'applied', outcome: halved } : undefined),
    looksMeant: true,
  },
  {
    name: 'is answered with 500 before the server sees it',
    of: () => ({ at: 'before', outcome: status(500) }),
  },
  {
    name: 'is answered with 502 before the server sees it',
    of: () => ({ at: 'before', outcome: status(502) }),
  },
  { name: 'is answered with 503 before the server sees it', of: () => ({ at: 'before', outcome: DOWN }) },
  { name: 'is answered with 429 before the server sees it', of: () => ({ at: 'before', outcome: BUSY }) },
  {
    name: 'is answered with 503 in the middle of its body',
    of: ({ body }) => (body > 0 ? { at: { requestByte: body >> 1 }, outcome: DOWN } : undefined),
  },
  { name: 'is applied and answered with 500', of: () => ({ at: 'applied', outcome: status(500) }) },
  { name: 'is applied and answered with 504', of: () => ({ at: 'applied', outcome: status(504) }) },
  { name: 'is applied and answered with 429', of: () => ({ at: 'applied', outcome: BUSY }) },
  { name: 'is delayed on its way', of: () => ({ at: 'before', action: shortDelay }) },
  { name: 'is delayed on the way back', of: () => ({ at: 'applied', action: shortDelay }) },
];

export function measure({ passedBytes, answer }: ProxiedRequest): Measure {
  if (answer === undefined) throw new Error('a clean run answers every request');
  return { body: passedBytes, answer: answer.size, head: answer.headSize };
}

import { describe, expect, test } from 'vitest';
import { PROBLEM_STATUS, Problem, ProblemBody, type ProblemCode } from '../../../src/protocol/problem.ts';
import { matches } from '../../../src/protocol/validate.ts';

const CODES = Object.keys(PROBLEM_STATUS) as ProblemCode[];

test('codes and their statuses, which scripts rely on, have not changed', () => {
  expect(PROBLEM_STATUS).toEqual({
    invalid_request: 400,
    unauthorized: 401,
    forbidden: 403,
    approval_required: 403,
    trusted_only: 403,
    identity_refused: 403,
    identity_used: 403,
    issuer_unavailable: 503,
    digest_pending: 503,
    url_refused: 403,
    not_found: 404,
    method_not_allowed: 405,
    request_timeout: 408,
    file_lost: 404,
    range_not_satisfiable: 416,
    expectation_failed: 417,
    version_taken: 409,
    slug_taken: 409,
    immutable: 409,
    outdated_manifest: 409,
    upload_in_progress: 409,
    length_required: 411,
    precondition_failed: 412,
    too_large: 413,
    unsupported_media_type: 415,
    content_mismatch: 422,
    not_uploaded: 425,
    incomplete: 422,
    not_published: 422,
    signature_required: 422,
    wrong_signing_key: 422,
    would_strand: 422,
    slug_reserved: 422,
    limit_reached: 422,
    too_many_requests: 429,
    headers_too_large: 431,
    internal: 500,
    unavailable: 503,
    insufficient_storage: 507,
  });
});

describe('Problem', () => {
  test.each(CODES)('%s becomes a body that the client can read', (code) => {
    const problem = new Problem(code, 'why');
    const received: unknown = JSON.parse(JSON.stringify(problem.toBody()));
    expect(matches(ProblemBody, received)).toBe(true);
    expect(received).toEqual({
      type: 'about:blank',
      title: code.replaceAll('_', ' '),
      status: problem.status,
      code,
      detail: 'why',
    });
  });

  test('lists the invalid fields in the order they were found', () => {
    const errors = [
      { field: 'version', message: 'is required' },
      { field: 'notes', message: 'must be text' },
    ];
    const problem = new Problem('invalid_request', 'the body is not as documented', errors);
    expect(problem.toBody()).toMatchObject({ status: 400, code: 'invalid_request', errors });
  });

  test('is an error with the detail as its message', () => {
    const problem = new Problem('not_found', 'no such release');
    expect(problem).toBeInstanceOf(Error);
    expect(problem.message).toBe('no such release');
    expect(problem.name).toBe('Problem');
  });
});

describe('ProblemBody', () => {
  test.each([
    ['an empty object', {}],
    ['fields of another server beside ours', { code: 'slug_taken', trace_id: 7 }],
  ])('reads %s', (_, body) => {
    expect(matches(ProblemBody, body)).toBe(true);
  });

  test.each([
    ['a list', []],
    ['text', 'Not Found'],
    ['a code that is no text', { code: 404 }],
    ['errors that are no list', { errors: { version: 'is required' } }],
    ['an error without its field', { errors: [{ message: 'is required' }] }],
  ])('does not read %s', (_, body) => {
    expect(matches(ProblemBody, body)).toBe(false);
  });
});

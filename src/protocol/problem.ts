import Type, { type Static } from 'typebox';

/** Media type of every error answer (RFC 9457). */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** The stable `code` of each problem, with the status it goes with. Scripts and our client rely on both. */
export const PROBLEM_STATUS = {
  /** A field, parameter or body that api.md does not allow; `errors` names each. */
  invalid_request: 400,
  unauthorized: 401,
  /** The token is known but lacks the right. */
  forbidden: 403,
  /** An upload or download URL that is altered, expired or not ours. */
  url_refused: 403,
  not_found: 404,
  /** The version exists in this app (also with other build metadata). */
  version_taken: 409,
  /** The slug belongs, or once belonged, to another app. */
  slug_taken: 409,
  /** The platform already has its bytes, or this version once had others: published bytes never change. */
  immutable: 409,
  length_required: 411,
  /** What a request was to apply to is not as the request says. */
  precondition_failed: 412,
  too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  /** The bytes are not the ones declared: size, SHA-256, or signature against the app's public key. */
  content_mismatch: 422,
  /** A release that is to be published lacks what was listed. */
  incomplete: 422,
  /** A draft that is to be yanked, or restored. */
  not_published: 422,
  /** Nothing has arrived yet for an upload that is to be completed. */
  not_uploaded: 425,
  /** Neither the artifact nor its release has a signature. */
  signature_required: 422,
  /** A slug that is well-formed but a word of this API. */
  slug_reserved: 422,
  too_many_requests: 429,
  internal: 500,
  unavailable: 503,
  insufficient_storage: 507,
} as const;

export type ProblemCode = keyof typeof PROBLEM_STATUS;

/** One field that is wrong: its name in the body or path, and what it must be. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** A problem on its way to becoming an answer: handlers throw it, one place answers. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[];

  constructor(code: ProblemCode, detail: string, errors: readonly FieldError[] = []) {
    super(detail);
    this.code = code;
    this.errors = errors;
  }

  get status(): number {
    return PROBLEM_STATUS[this.code];
  }

  /** The body of the answer, RFC 9457 section 3.1. */
  toBody(): ProblemBody {
    return {
      type: 'about:blank',
      title: this.code.replaceAll('_', ' '),
      status: this.status,
      code: this.code,
      detail: this.message,
      ...(this.errors.length > 0 && { errors: [...this.errors] }),
    };
  }
}

/** A problem as our server sends it, and as the client hopes for it; every field is optional to the client. */
export const ProblemBody = Type.Object({
  type: Type.Optional(Type.String()),
  title: Type.Optional(Type.String()),
  status: Type.Optional(Type.Integer()),
  code: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
});
export type ProblemBody = Static<typeof ProblemBody>;

import Type, { type Static } from 'typebox';

/** Media type of every error response (RFC 9457). */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** The stable `code` of each problem and its HTTP status. Scripts and the client rely on both. */
export const PROBLEM_STATUS = {
  invalid_request: 400, // `errors` names each invalid field
  unauthorized: 401,
  forbidden: 403, // the token lacks the scope
  approval_required: 403, // somebody else has to take the release live
  trusted_only: 403, // the app is published by trusted publishers only, not with stored tokens
  identity_refused: 403, // an identity token that is invalid, or of a job that the app does not trust; `errors` says why
  identity_used: 403, // an identity token that was exchanged before
  url_refused: 403, // a signed URL that is altered, expired or from another server
  not_found: 404,
  file_lost: 404, // its bytes are lost in the storage; not 410, as uploading the same bytes repairs it
  method_not_allowed: 405, // the header `Allow` names those that are
  request_timeout: 408, // the head or the body did not arrive in time, or an upload is too slow
  version_taken: 409, // also by the same version with other build metadata
  slug_taken: 409, // now or once, by another app
  immutable: 409, // published bytes never change, even of a deleted release
  outdated_manifest: 409, // what is signed about the release would name another channel than its own
  upload_in_progress: 409, // another request is sending to the same upload URL
  length_required: 411,
  precondition_failed: 412, // the release or the file is not as the request says
  too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  expectation_failed: 417,
  content_mismatch: 422, // the bytes do not match the declared size, SHA-256 or signature
  incomplete: 422, // the release to publish lacks an artifact that the request lists
  not_published: 422, // a draft cannot be yanked or restored
  not_uploaded: 425, // an upload to complete has not arrived
  signature_required: 422, // neither the artifact nor its release has one
  wrong_signing_key: 422, // the signature was made with another key than the release names
  would_strand: 422, // some versions of the app would have no way to the highest release
  slug_reserved: 422, // a word that this API uses in its paths
  limit_reached: 422, // of what the app may have; `errors` names the limit and its value
  too_many_requests: 429, // at once, with invalid tokens, or connections
  headers_too_large: 431,
  internal: 500,
  unavailable: 503,
  digest_pending: 503, // a feed needs a digest of a file that is still being hashed
  issuer_unavailable: 503, // the keys of an identity token's issuer cannot be read
  insufficient_storage: 507,
} as const;

export type ProblemCode = keyof typeof PROBLEM_STATUS;

/** An invalid field: its name in the body, path or query, and what it must be. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** Thrown by handlers and turned into a response in one place (`server/http/error-reply.ts`). */
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

  /** RFC 9457, section 3.1. */
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

/** The body of an error response. Other servers may leave out any field. */
export const ProblemBody = Type.Object({
  type: Type.Optional(Type.String()),
  title: Type.Optional(Type.String()),
  status: Type.Optional(Type.Integer()),
  code: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
});
export type ProblemBody = Static<typeof ProblemBody>;

/** The error codes of S3 that the fake returns, with their status. */
const STATUS = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  BadDigest: 400,
  EntityTooSmall: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidPart: 400,
  InvalidRange: 416,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  XAmzContentSHA256Mismatch: 400,
} as const;

/** An error response in the format of S3. */
export class S3Error extends Error {
  readonly code: keyof typeof STATUS;
  readonly fields: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: keyof typeof STATUS,
    fields: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code);
    this.code = code;
    this.fields = fields;
    this.headers = headers;
  }

  get status(): number {
    return STATUS[this.code];
  }

  get body(): string {
    const fields = Object.entries({ Code: this.code, Message: this.code, ...this.fields });
    return `<Error>${fields.map(([name, value]) => `<${name}>${value}</${name}>`).join('')}</Error>`;
  }
}

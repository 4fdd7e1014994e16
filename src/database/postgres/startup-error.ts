import { OtaError } from '../../errors.ts';
import { READ_ONLY_HINT } from '../database-error.ts';

/** What an SQLSTATE means for whoever starts this program, and what to do. */
const REASONS: Readonly<Record<string, readonly [means: string, hint: string]>> = {
  '28000': ['does not let this user in', 'Check the user in --database, and pg_hba.conf.'],
  '28P01': ['does not let this user in', 'Check the user and the password in --database (or PGPASSWORD).'],
  '3D000': ['has no such database', 'Create it with createdb, or name another one in --database.'],
  '3F000': ['has no schema to work in', 'Create the schema that search_path names.'],
  '42501': ['does not allow what is needed', 'Make the user in --database the owner of the database.'],
  '25006': ['cannot be written', READ_ONLY_HINT],
  '53300': ['has no connection left', 'Raise max_connections, or end other clients.'],
  '57P03': ['is not ready', 'Try again in a moment.'],
};
/** The codes of Node for a certificate that does not hold. */
const BAD_CERTIFICATE = /CERT|UNABLE_TO_VERIFY/;
const NOT_TRUSTED = [
  'cannot be trusted',
  'Name the root that vouches for its certificate by sslrootcert=FILE in --database, and the host as the certificate does.',
] as const;

/**
 * What it means that a database cannot be opened, in one sentence.
 * @param where host, port and name, without credentials
 */
export function cannotOpen(where: string, cause: unknown): OtaError {
  const { code = '', message } = ((cause instanceof OtaError ? cause.cause : cause) ?? {}) as Failure;
  const reason = BAD_CERTIFICATE.test(code) ? NOT_TRUSTED : REASONS[code];
  if (reason === undefined && cause instanceof OtaError) return cause;
  const [means, hint] = reason ?? [
    'cannot be reached',
    'Check host, port and sslmode in --database, and that PostgreSQL runs there.',
  ];
  return new OtaError('store_unavailable', `PostgreSQL at ${where} ${means}: ${message || code}`, {
    cause,
    hint,
  });
}

interface Failure {
  readonly code?: string;
  readonly message?: string;
}

export interface ServerFacts {
  /** As `server_version_num` has it: 150018. */
  readonly version: number;
  readonly encoding: string;
}

/** The oldest version that is accepted, as `server_version_num` has it. */
const MINIMUM_VERSION = 130_000;

/** @throws OtaError `store_unavailable` when the server cannot do what is needed */
export function requireFit(where: string, { version, encoding }: ServerFacts): void {
  if (version < MINIMUM_VERSION) {
    throw new OtaError('store_unavailable', `PostgreSQL at ${where} is version ${major(version)}`, {
      hint: `Bring it to version ${major(MINIMUM_VERSION)} or later.`,
    });
  }
  if (encoding !== 'UTF8') {
    throw new OtaError('store_unavailable', `the database ${where} cannot hold all text: it is ${encoding}`, {
      hint: 'Create one with the encoding UTF8, and name it in --database.',
    });
  }
}

function major(version: number): number {
  return Math.floor(version / 10_000);
}

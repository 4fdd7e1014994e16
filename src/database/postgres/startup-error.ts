import Type, { type Static } from 'typebox';
import { OtaError } from '../../errors.ts';
import { matches } from '../../protocol/validate.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { endsSession, READ_ONLY, READ_ONLY_HINT } from '../database-error.ts';

/** SQLSTATE invalid_authorization_specification: also where the server demands TLS. */
const ACCESS_DENIED = '28000';
/** By SQLSTATE, what is wrong with the server or the URL. */
const REASONS: Readonly<Record<string, readonly [problem: string, hint: string]>> = {
  '28P01': [
    'denies access',
    'Check the user and the password in --database (or PGPASSWORD); / ? # @ : and % in them have to be percent-encoded.',
  ],
  [ACCESS_DENIED]: ['denies access', 'Check the user in --database, and pg_hba.conf.'],
  '3D000': ['has no such database', 'Create it with createdb, or name another one in --database.'],
  '3F000': ['has no schema to use', 'Create the schema that search_path names.'],
  '42501': ['denies a privilege', 'Make the user in --database the owner of the database.'],
  [READ_ONLY]: ['is read-only', READ_ONLY_HINT],
  '53300': ['has no free connection', 'Raise max_connections, or disconnect other clients.'],
  '57P03': ['is not ready', 'Try again in a moment.'],
};
const TLS_HINT =
  'If the server demands TLS, add sslmode=verify-full to --database; else check the user in it, and pg_hba.conf.';
/** Where it has TLS. */
const CLIENT_HINT =
  'Check the user in --database, and pg_hba.conf. If the server demands a client certificate, pass it by sslcert=FILE and sslkey=FILE in --database.';
/** Node's codes for what the server says about the client's certificate. */
const REFUSED_CERTIFICATE = /^ERR_SSL_.*ALERT_.*(CERT|UNKNOWN_CA)/;
const CLIENT_REFUSED = [
  'refuses the client certificate',
  'Pass a certificate that is signed by the CA of the server (ssl_ca_file) by sslcert=FILE and sslkey=FILE in --database.',
] as const;
/** SQLSTATEs of a server that starts, stops or is full. */
const PASSING = /^(08|53|57P)/;
/** Node's codes for certificates that do not verify. */
const BAD_CERTIFICATE = /CERT|UNABLE_TO_VERIFY/;
/** What Node adds about a certificate: the hint says what helps here. */
const NODE_ADVICE = /; if the root CA is installed locally,.*/;
const NOT_TRUSTED = [
  'has an untrusted certificate',
  'Pass the CA certificate by sslrootcert=FILE in --database, and use the host name of the certificate.',
] as const;
const UNREACHABLE = [
  'cannot be reached',
  'Check host, port and sslmode in --database, and that PostgreSQL is running there.',
] as const;

export interface ConnectionFacts {
  /** Which option gives the URL. */
  readonly option: string;
  readonly isEncrypted: boolean;
}

/** @param where host, port and name, without credentials */
export function cannotOpen(
  where: string,
  error: unknown,
  { option, isEncrypted }: ConnectionFacts,
): OtaError {
  const cause = error instanceof OtaError ? error.cause : error;
  const code = errorCode(cause) ?? '';
  const reason = REFUSED_CERTIFICATE.test(code)
    ? CLIENT_REFUSED
    : BAD_CERTIFICATE.test(code)
      ? NOT_TRUSTED
      : REASONS[code];
  if (reason === undefined && error instanceof OtaError) return error;
  const [problem, usual] = reason ?? UNREACHABLE;
  const hint = code === ACCESS_DENIED ? (isEncrypted ? CLIENT_HINT : TLS_HINT) : usual;
  const detail = (cause instanceof Error && messageOf(cause).replace(NODE_ADVICE, '')) || code;
  return new OtaError('store_unavailable', `PostgreSQL at ${where} ${problem}: ${detail}`, {
    cause: error,
    hint: hint.replaceAll('--database', option),
  });
}

/** Whether the same attempt may succeed in a moment: nothing answers yet, or the server says so. */
export function mayPass(error: unknown): boolean {
  const cause = error instanceof OtaError ? error.cause : error;
  if (cause === undefined) return false;
  const code = errorCode(cause) ?? '';
  if (code === READ_ONLY || BAD_CERTIFICATE.test(code) || REFUSED_CERTIFICATE.test(code)) return false;
  return PASSING.test(code) || endsSession(cause);
}

export const SERVER_FACTS = `select current_setting('server_version_num')::int4 as version,
  current_setting('server_encoding') as encoding`;

const ServerFacts = Type.Object({
  /** As server_version_num has it: 150018. */
  version: Type.Integer(),
  encoding: Type.String(),
});

/** The oldest supported version, as server_version_num has it. */
const MINIMUM_VERSION = 130_000;

/**
 * @param facts what `SERVER_FACTS` returned
 * @throws OtaError `store_unavailable` when the server is too old or cannot store all text
 */
export function requireSupportedServer(
  where: string,
  facts: unknown,
): asserts facts is Static<typeof ServerFacts> {
  if (!matches(ServerFacts, facts)) {
    throw new OtaError('store_unavailable', `the server at ${where} is not PostgreSQL`, {
      hint: 'Check host and port in --database.',
    });
  }
  if (facts.version < MINIMUM_VERSION) {
    throw new OtaError('store_unavailable', `PostgreSQL at ${where} is version ${major(facts.version)}`, {
      hint: `Upgrade it to version ${major(MINIMUM_VERSION)} or later.`,
    });
  }
  if (facts.encoding !== 'UTF8') {
    throw new OtaError('store_unavailable', `the database ${where} has the encoding ${facts.encoding}`, {
      hint: 'Create one with the encoding UTF8, and name it in --database.',
    });
  }
}

function major(version: number): number {
  return Math.floor(version / 10_000);
}

import type { ClientConfig } from 'pg';
import { OtaError } from '../../errors.ts';
import { tlsOptions } from './tls-options.ts';

const SCHEME = /^postgres(ql)?:\/\//i;
/** An `@` ends the user and the password: another one, or one further on, belongs to a password that is not encoded. */
const PARTS =
  /^postgres(?:ql)?:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]*)(?:\/([^@/?#]*))?(?:\?([^@?#]*))?$/i;
const HOST = /^(\[[0-9a-f:.]+\]|[\w.%-]*)(?::(\d{1,5}))?$/i;
const BARE_PERCENT = /%(?![0-9a-f]{2})/i;
const MAX_PORT = 65_535;

const ENCODING =
  'In a user or password, write / ? # @ : and % percent-encoded: %2F %3F %23 %40 %3A and %25. The URL looks like postgres://user@host:5432/database?sslmode=verify-full.';

/** Parameters that say where, who and how; those for TLS are in `tls-options.ts`. */
const USED = ['host', 'port', 'user', 'password', 'dbname', 'options', 'application_name', 'connect_timeout'];
/** Parameters of libpq that make no difference here: connections are kept alive, and text is always UTF-8. */
const IGNORED =
  /^(keepalives(_idle|_interval|_count)?|tcp_user_timeout|fallback_application_name|gssencmode|client_encoding|load_balance_hosts)$/;
const TLS = /^(ssl|sslmode|sslrootcert|sslcert|sslkey|sslnegotiation|uselibpqcompat|channel_binding)$/;
/** What other programs call the size of their pool. */
const POOL_SIZE = /^(max|pool_?size|pool_max_conns|connection_limit|max_?connections)$/i;
const TARGETS = ['any', 'read-write', 'primary'];
const READ_ONLY_TARGETS = ['read-only', 'standby', 'prefer-standby'];

/** One of the servers that a URL names. What it leaves out comes from PGHOST and the like. */
export interface PostgresHost {
  readonly host?: string;
  readonly port?: number;
}

export interface PostgresUrl {
  /** In the order in which they are tried. */
  readonly hosts: readonly [PostgresHost, ...PostgresHost[]];
  /** Everything but the host. */
  readonly config: ClientConfig;
}

export function isPostgresUrl(text: string): boolean {
  return SCHEME.test(text);
}

/**
 * Reads a URL as libpq does, with several hosts too. An error repeats nothing of it: what is not understood may be part
 * of a password.
 * @param option which option gives the URL, for messages
 * @throws OtaError `usage`
 */
export function parsePostgresUrl(text: string, option = '--database'): PostgresUrl {
  const fault = (problem: string, hint = ENCODING) =>
    new OtaError('usage', `${option} is not a valid URL: ${problem}`, { hint });
  const match = PARTS.exec(text.trim());
  if (match === null) throw fault('a character in it has to be percent-encoded');
  if (BARE_PERCENT.test(text)) throw fault('a % in it is not followed by two hexadecimal digits');
  const [, user, password, authority = '', database, query] = match;
  const parameters = parametersOf(query ?? '', fault);
  const decoded = (part: string | undefined) => decode(part, fault);
  const names = parameters.get('host')?.split(',');
  const hosts = names === undefined ? hostsIn(authority, fault) : names.map((host) => ({ host }));
  const ports = parameters.get('port') ?? (names && portIn(authority));
  return {
    hosts: withPorts(hosts, ports?.split(','), fault),
    config: {
      user: parameters.get('user') ?? decoded(user),
      password: parameters.get('password') ?? decoded(password),
      database: parameters.get('dbname') ?? decoded(database),
      options: parameters.get('options'),
      application_name: parameters.get('application_name') ?? 'synckit-ota',
      ...connectTimeout(parameters.get('connect_timeout'), fault),
      ...tlsOptions(parameters, option),
    },
  };
}

type RefuseUrl = (problem: string, hint?: string) => OtaError;

function parametersOf(query: string, fault: RefuseUrl): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const [name = '', value, ...rest] = pair.split('=');
    if (value === undefined || rest.length > 0) throw fault('a parameter after the ? is not like name=value');
    if (POOL_SIZE.test(name)) {
      throw fault(`it has the parameter ${name}`, 'Set the number of connections by --database-connections.');
    }
    if (name === 'target_session_attrs') requireWritableTarget(decode(value, fault), fault);
    else if (!USED.includes(name) && !TLS.test(name) && !IGNORED.test(name)) {
      throw fault(
        'it has an unknown parameter',
        `Known are ${USED.join(', ')}, sslmode, sslrootcert, sslcert, sslkey, channel_binding and target_session_attrs. ${ENCODING}`,
      );
    }
    parameters.set(name, decode(value, fault) ?? '');
  }
  return parameters;
}

/** This program writes: of several servers, it always looks for the one that can be written to. */
function requireWritableTarget(value: string | undefined, fault: RefuseUrl): void {
  if (value !== undefined && TARGETS.includes(value)) return;
  const problem = READ_ONLY_TARGETS.includes(value ?? '')
    ? 'target_session_attrs asks for a server that is read-only'
    : 'target_session_attrs has an unknown value';
  throw fault(problem, `Leave it out, or use one of ${TARGETS.join(', ')}.`);
}

function hostsIn(authority: string, fault: RefuseUrl): PostgresHost[] {
  return authority.split(',').map((text) => {
    const [whole, host = '', port] = HOST.exec(text) ?? [];
    if (whole === undefined) throw fault('a host or port in it is not one');
    const name = decode(host, fault)?.replace(/^\[|\]$/g, '');
    return { ...(name && { host: name }), ...(port !== undefined && { port: portOf(port, fault) }) };
  });
}

/** The port of a URL with a `host` parameter, which replaces the one before the port. */
function portIn(authority: string): string | undefined {
  return HOST.exec(authority)?.[2];
}

function withPorts(
  hosts: readonly PostgresHost[],
  ports: readonly string[] | undefined,
  fault: RefuseUrl,
): readonly [PostgresHost, ...PostgresHost[]] {
  if (ports !== undefined && ports.length !== 1 && ports.length !== hosts.length) {
    throw fault('it has another number of ports than of hosts');
  }
  const [first = {}, ...others] = hosts.map((host, i) => {
    const port = ports?.[ports.length === 1 ? 0 : i];
    return port ? { ...host, port: portOf(port, fault) } : host;
  });
  return [first, ...others];
}

function portOf(text: string, fault: RefuseUrl): number {
  const port = /^\d+$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > MAX_PORT) throw fault('a host or port in it is not one');
  return port;
}

/** As libpq, in seconds, two at least; 0 and less leave it as it is. */
function connectTimeout(
  text: string | undefined,
  fault: RefuseUrl,
): Pick<ClientConfig, 'connectionTimeoutMillis'> {
  if (text === undefined) return {};
  if (!/^-?\d+$/.test(text)) throw fault('connect_timeout is not a number of seconds');
  const seconds = Number(text);
  return seconds > 0 ? { connectionTimeoutMillis: Math.max(2, seconds) * 1000 } : {};
}

function decode(text: string | undefined, fault: RefuseUrl): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    throw fault('percent-encoded bytes in it are not UTF-8');
  }
}

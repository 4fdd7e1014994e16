import { readFileSync } from 'node:fs';
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import type { ClientConfig } from 'pg';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
type SslMode = (typeof MODES)[number];

/** What Node and pg call the files that libpq's parameters name. */
const FILES = { sslrootcert: 'ca', sslcert: 'cert', sslkey: 'key' } as const;

type Parameters = ReadonlyMap<string, string>;

/**
 * How a connection is encrypted, from a URL's parameters, else from PGSSLMODE. Empty when nothing says it.
 * @param option which option gives the URL, for messages
 * @throws OtaError `usage`
 */
export function tlsOptions(
  parameters: Parameters,
  option: string,
  // biome-ignore lint/style/noRestrictedGlobals: pg reads libpq's other variables from there
  environment: { readonly PGSSLMODE?: string | undefined } = process.env,
): Pick<ClientConfig, 'ssl' | 'sslnegotiation' | 'enableChannelBinding'> {
  const mode = sslModeOf(parameters, option) ?? knownMode(environment.PGSSLMODE || undefined, 'PGSSLMODE');
  const files = filesOf(parameters, option);
  const isDirect = parameters.get('sslnegotiation') === 'direct';
  const binding = { enableChannelBinding: true };
  const withBinding = /^(prefer|require)$/.test(parameters.get('channel_binding') ?? '') ? binding : {};
  if (mode === 'disable') {
    if (isDirect || parameters.get('channel_binding') === 'require') {
      throw refusal(`${option} asks for something that only TLS has`, 'Use sslmode=verify-full.');
    }
    return { ssl: false };
  }
  if (mode === undefined && Object.keys(files).length === 0 && !isDirect) return withBinding;
  return {
    ssl: { ...files, ...verification(mode, parameters, files) },
    ...(isDirect && { sslnegotiation: 'direct' as const }),
    ...withBinding,
  };
}

/** `require` and the like verify fully, as with pg: only `no-verify` and libpq's own reading are weaker. */
function verification(
  mode: SslMode | undefined,
  parameters: Parameters,
  files: Pick<ConnectionOptions, 'ca'>,
): Pick<ConnectionOptions, 'rejectUnauthorized' | 'checkServerIdentity'> {
  if (mode === 'no-verify') return { rejectUnauthorized: false };
  if (parameters.get('uselibpqcompat') !== 'true') return {};
  if (mode === 'verify-ca' || (mode === 'require' && files.ca !== undefined)) {
    return { checkServerIdentity: () => undefined };
  }
  return mode === 'verify-full' ? {} : { rejectUnauthorized: false };
}

/** `sslmode`, else pg's own `ssl`. */
function sslModeOf(parameters: Parameters, option: string): SslMode | undefined {
  const text = parameters.get('sslmode');
  if (text !== undefined) return knownMode(text, `sslmode in ${option}`);
  const ssl = parameters.get('ssl');
  const modes: Record<string, SslMode> = {
    true: 'verify-full',
    '1': 'verify-full',
    false: 'disable',
    '0': 'disable',
    'no-verify': 'no-verify',
  };
  if (ssl === undefined) return undefined;
  const mode = modes[ssl];
  if (mode === undefined) throw refusal(`ssl in ${option} has an unknown value`, 'Use sslmode=verify-full.');
  return mode;
}

function knownMode(text: string | undefined, subject: string): SslMode | undefined {
  const mode = MODES.find((known) => known === text);
  if (text === undefined || mode !== undefined) return mode;
  const meant = MODES.find((known) => lettersOf(known) === lettersOf(text));
  const suggestion = meant === undefined ? '' : `Did you mean ${meant}? `;
  throw refusal(`${subject} has an unknown value`, `${suggestion}Use one of ${MODES.join(', ')}.`);
}

function lettersOf(text: string): string {
  return text.toLowerCase().replace(/[^a-z]/g, '');
}

function filesOf(parameters: Parameters, option: string): Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> {
  const given = Object.entries(FILES).flatMap(([name, key]): [string, string][] => {
    const path = parameters.get(name);
    const isSystem = name === 'sslrootcert' && path === 'system'; // Node's own roots
    return path && !isSystem ? [[key, readFile(path, `${name} in ${option}`)]] : [];
  });
  const files: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> = Object.fromEntries(given);
  try {
    createSecureContext(files);
  } catch (cause) {
    throw refusal(
      `a certificate or key that ${option} names cannot be used: ${messageOf(cause)}`,
      'Give PEM files by sslrootcert, sslcert and sslkey.',
      cause,
    );
  }
  return files;
}

function readFile(path: string, subject: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
  } catch (cause) {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EACCES: 'may not be read' };
    const reason = reasons[errorCode(cause) ?? ''] ?? `cannot be read (${errorCode(cause)})`;
    throw refusal(
      `the file ${path} of ${subject} ${reason}`,
      'Name a PEM file that this user can read.',
      cause,
    );
  }
  throw refusal(
    `the file ${path} of ${subject} is not PEM`,
    'Name a PEM file, which begins with -----BEGIN.',
  );
}

function refusal(problem: string, hint: string, cause?: unknown): OtaError {
  return new OtaError('usage', problem, { hint, cause });
}

import { readExtraHeaders, secretsIn } from '../connection/extra-headers.ts';
import { givenTokens } from '../connection/job-identity.ts';
import type { Environment } from '../environment.ts';
import { OptionErrors } from '../options/option-errors.ts';

const VARIABLES = [
  'SYNCKIT_OTA_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'PGPASSWORD',
  'GITHUB_TOKEN',
  'ACTIONS_RUNTIME_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
] as const;

/** Variables that this program, a library or a proxy's client reads a URL from. Those of others may have ordinary words in it. */
const URL_VARIABLE = /^(?:SYNCKIT_OTA|AWS|PG)|_PROXY$/i;

/** Words that a header's value may have beside what is secret. */
const ORDINARY = /^(?:bearer|basic|digest|token|true|false|null)$/i;

/** The secrets on a command line and in its environment, before either is understood. */
export function knownSecrets(argv: readonly string[], environment: Environment): string[] {
  const headers = [...valuesOf('--header', argv), environment.SYNCKIT_OTA_HEADERS ?? ''];
  const ofUrls = Object.keys(environment).filter((name) => URL_VARIABLE.test(name));
  const texts = [...argv, ...ofUrls.flatMap((name) => environment[name] ?? [])];
  return [
    ...valuesOf('--token', argv),
    ...VARIABLES.flatMap((name) => environment[name] ?? []),
    ...givenTokens(environment),
    ...headers.flatMap(secretsInHeaders),
    ...texts.flatMap(secretsInUrl),
  ]
    .map((secret) => secret.trim())
    .filter((secret) => !ORDINARY.test(secret));
}

function valuesOf(option: string, argv: readonly string[]): string[] {
  return argv.flatMap((word, index) => {
    if (word === option) return argv[index + 1] ?? [];
    return word.startsWith(`${option}=`) ? word.slice(option.length + 1) : [];
  });
}

/** Those of each header that can be sent: what cannot is never printed. */
function secretsInHeaders(text: string): string[] {
  return secretsIn(readExtraHeaders(text, { hasToken: false }, new OptionErrors()));
}

/** The password of a database or proxy, as it was written and as it is sent. One that is no secret stays a word. */
function secretsInUrl(text: string): string[] {
  const [, scheme, userInfo = ''] = /([a-z\d+.-]{0,20}):\/\/([^\s/?#]*)@/i.exec(text) ?? [];
  const [user = '', ...rest] = userInfo.split(':');
  const password = rest.join(':');
  if (password === '') return [];
  const both = [user, password].map(decoded);
  if (password === user || password === scheme) return [both.join(':')];
  return [password, decoded(password), both.join(':')];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

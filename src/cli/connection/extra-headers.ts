import type { OptionErrors } from '../options/option-errors.ts';

/** Names that the client sets itself, or that would change what a request means. */
const RESERVED =
  /^(accept(-encoding)?|connection|content-(encoding|length|type)|expect|host|if-[a-z-]+|keep-alive|proxy-(authorization|connection)|range|te|trailer|transfer-encoding|upgrade)$/;
const SOURCE = '--header (or SYNCKIT_OTA_HEADERS)';

/**
 * Reads `--header 'Name: value'`, one on each line, as the variable has them. An error never repeats a value, which may
 * be secret.
 * @param hasToken whether requests carry a token, in `Authorization`
 * @returns by name, in lower case
 */
export function readExtraHeaders(
  text: string | undefined,
  { hasToken }: { readonly hasToken: boolean },
  errors: OptionErrors,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const lines = (text ?? '').split(/\r?\n/).filter((line) => line.trim() !== '');
  for (const [index, line] of lines.entries()) {
    const [, name = '', rest = ''] = /^\s*([!#$%&'*+.^`|~\w-]+):[ \t]*(.*)$/s.exec(line) ?? [];
    const value = rest.replace(/(?<![ \t])[ \t]+$/, '');
    const key = name.toLowerCase();
    const reason = invalidBecause({ key, value, hasToken, isTwice: Object.hasOwn(headers, key) });
    if (reason === undefined) headers[key] = value;
    else errors.add(`${SOURCE}: ${name === '' ? `header ${index + 1}` : name} ${reason}`);
  }
  return headers;
}

interface Given {
  readonly key: string;
  readonly value: string;
  readonly hasToken: boolean;
  readonly isTwice: boolean;
}

function invalidBecause({ key, value, hasToken, isTwice }: Given): string | undefined {
  if (key === '') return "is not of the form 'Name: value'";
  if (key === '__proto__') return 'is not the name of a header';
  if (RESERVED.test(key)) return 'is set by the client itself, or would change what its requests mean';
  if (key === 'authorization' && hasToken) {
    return 'is what the token is sent in: have the proxy accept another header, or let it pass /api/sync/ota';
  }
  if (value === '') return 'has no value';
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return 'has characters that no header can have';
  return isTwice ? 'is given twice' : undefined;
}

/** What must not appear in a log: the values, and the credentials in them. Short ones would mask ordinary words. */
export function secretsIn(headers: Readonly<Record<string, string>>): string[] {
  const values = Object.values(headers).flatMap((value) => [value, ...value.split(/[\s;]+/)]);
  return [...new Set(values)].filter((value) => value.length >= 4);
}

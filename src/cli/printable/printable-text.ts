import { TOKEN_PREFIX } from '../../protocol/token.ts';
import { SECRET_PREFIX } from '../../protocol/webhook/webhook-signature.ts';
import { mapColoredText } from './colored-text.ts';

/** One line, or several of them. A line break inside a line was not made by this program. */
export type Lines = string | readonly string[];

const MASK = '***';
const LINE_BREAK = '␊';
/** Shorter secrets would mask ordinary words. */
const MIN_SECRET_LENGTH = 4;
/** Shorter ones are masked where they stand alone. */
const WORD_LENGTH = 8;

/** What is secret wherever it comes from, with the text that stays in front of it. */
const SECRET_PATTERNS: readonly RegExp[] = [
  new RegExp(`\\b(${TOKEN_PREFIX})[0-9A-Za-z]{8,}`, 'g'),
  new RegExp(`\\b(${SECRET_PREFIX})[0-9A-Za-z+/=]{8,}`, 'g'),
  /(?<![\w-])(eyJ)[\w-]{10,}\.[\w-]{4,}\.[\w-]{10,}/g, // a JSON Web Token
  /(:\/\/)[^\s/?#"'<>\\]*@/g, // user and password of a URL
  /((?:[?&]|&amp;|\\u0026)(?:x-amz-(?:signature|credential|security-token)|signature|sig|token|access_token|password|sslpassword)=)[^&\s"'<>\\]+/gi,
  /(\bauthorization["']?\s{0,3}[:=]\s{0,3}["']?)[^"'\r\n]+/gi,
];

/** What a terminal would obey or hide, besides line breaks and tabs. Marks of direction in a language are harmless. */
const UNPRINTABLE = /(?![\n\t])\p{Cc}|[\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/gu;

/** Makes text safe to print, whatever a server, a library or a file says: masks secrets, and shows control characters. */
export class PrintableText {
  readonly #hidden = new Set<string>();
  readonly #revealed = new Set<string>();
  #hiddenPattern: RegExp | undefined;

  /** @param secrets as in `hide` */
  constructor(secrets: Iterable<string> = []) {
    for (const secret of secrets) this.hide(secret);
  }

  /** From now on masks it, also as it is written in a URL, a form or JSON, or as a part of what is in Base64. */
  hide(secret: string): void {
    if (secret.trim().length < MIN_SECRET_LENGTH) return;
    for (const form of [
      secret,
      JSON.stringify(secret).slice(1, -1),
      ...urlForms(secret),
      ...base64Forms(secret),
    ])
      this.#hidden.add(form);
    const longestFirst = [...this.#hidden].sort((a, b) => b.length - a.length);
    this.#hiddenPattern = new RegExp(longestFirst.map(literal).join('|'), 'g');
  }

  /** Lets a new token be printed: it is shown once. */
  reveal(token: string): void {
    this.#revealed.add(token);
  }

  /**
   * Lines to print. What stands in a line stays in it: a line break is shown, so that no text from outside can pass for
   * a line of this program.
   * @param colored whether colours stay
   */
  lines(lines: Lines, { colored = false } = {}): string {
    const shown = [lines].flat().map((line) => line.replaceAll('\n', LINE_BREAK));
    return mapColoredText(shown.join('\n'), (part) => this.text(part), colored);
  }

  /** Text with line breaks of its own. */
  text(text: string): string {
    return this.mask(text).replaceAll('\r\n', '\n').replace(UNPRINTABLE, visible);
  }

  /** A value as JSON with the same meaning but for what is masked. */
  json(value: unknown): string {
    const text = JSON.stringify(value, (_, inner) => (typeof inner === 'string' ? this.mask(inner) : inner));
    return withoutControls(text);
  }

  mask(text: string): string {
    const known = this.#hiddenPattern === undefined ? text : text.replace(this.#hiddenPattern, MASK);
    return SECRET_PATTERNS.reduce((masked, pattern) => this.#maskLike(pattern, masked), known);
  }

  #maskLike(pattern: RegExp, text: string): string {
    return text.replace(pattern, (found, before: string) =>
      this.#revealed.has(found) ? found : before + MASK + (found.endsWith('@') ? '@' : ''),
    );
  }
}

/** A short secret may also be a part of an ordinary word, as `2026` of a date. */
function literal(text: string): string {
  const escapedText = text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return text.length < WORD_LENGTH ? `(?<![\\w.-])${escapedText}(?![\\w-]|\\.\\w)` : escapedText;
}

/** With either case of the digits, and with `+` for a blank. */
function urlForms(text: string): string[] {
  const encoded = encodeURIComponent(text.toWellFormed());
  const lowerCase = encoded.replace(/%../g, (digits) => digits.toLowerCase());
  return [encoded, lowerCase, encoded.replaceAll('%20', '+'), lowerCase.replaceAll('%20', '+')];
}

/** Base64 has a text in three ways, by how many bytes stand before it: `user:secret` for Basic auth. Only what is certain is kept. */
function base64Forms(text: string): string[] {
  const forms = [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64');
    return whole.slice(before === 0 ? 0 : before + 1);
  });
  const alone = Buffer.from(text).toString('base64');
  const standard = [
    alone,
    alone.replace(/={1,2}$/, ''),
    ...forms.filter((form) => form.length >= WORD_LENGTH),
  ];
  return [...standard, ...standard.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

/** JSON without raw control characters, and with the same meaning. */
export function withoutControls(json: string): string {
  return json.replace(UNPRINTABLE, escaped);
}

/** With the picture that Unicode has for a control character, else with its number. */
function visible(found: string): string {
  const code = found.charCodeAt(0);
  if (code === 0x7f) return '␡';
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : escaped(found);
}

function escaped(found: string): string {
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** api.md, "Register a Slug". */
export const SLUG_PATTERN = '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$';

/** Words that this API uses in its paths, or may use one day. */
export const RESERVED_SLUGS = [
  'apps',
  'download',
  'downloads',
  'latest',
  'admin',
  'api',
  'livez',
  'readyz',
  'metrics',
] as const;

/** The rule in words, for messages. */
export const SLUG_RULE =
  '3 to 40 characters, lowercase letters, digits and hyphens, no hyphen at either end' as const;

const SLUG = new RegExp(SLUG_PATTERN);

/** Whether the text is well-formed; a reserved slug is too. */
export function isSlug(text: string): boolean {
  return SLUG.test(text);
}

export function isReservedSlug(slug: string): boolean {
  return (RESERVED_SLUGS as readonly string[]).includes(slug);
}

import MarkdownIt from 'markdown-it';
import sanitizeHtml from 'sanitize-html';

/** Longest notes that a page shows; the rest is cut off. */
const MAX_CHARACTERS = 20_000;

/** HTML in notes is shown as text; addresses become links. */
const markdown = new MarkdownIt('default', { html: false, linkify: true });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });

/** Nothing is fetched, styled or named: a visitor's browser asks no other host because of what notes say. */
const ALLOWED: sanitizeHtml.IOptions = {
  allowedTags: [
    ...['h3', 'h4', 'h5', 'h6', 'p', 'br', 'hr', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code'],
    ...['strong', 'em', 's', 'a', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  allowedAttributes: { a: ['href', 'rel'], ol: ['start'] },
  allowedSchemes: ['https', 'http', 'mailto'],
  allowProtocolRelative: false,
  allowedClasses: {},
  // The page has headings of its own above them.
  transformTags: {
    h1: 'h3',
    h2: 'h4',
    a: sanitizeHtml.simpleTransform('a', { rel: 'nofollow noopener noreferrer' }),
  },
};

/** Notes in Markdown as HTML that is safe to show, whoever wrote them. */
export function renderNotes(notes: string): string {
  const shown = notes.length > MAX_CHARACTERS ? `${notes.slice(0, MAX_CHARACTERS)}…` : notes;
  return sanitizeHtml(markdown.render(shown), ALLOWED).trim();
}

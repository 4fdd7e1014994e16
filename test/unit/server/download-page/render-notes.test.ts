import { describe, expect, test } from 'vitest';
import { renderNotes } from '../../../../src/server/download-page/render-notes.ts';

describe('notes', () => {
  test('are Markdown, with headings below those of the page', () => {
    expect(renderNotes('# One\n\n- **bold** `code`\n- [site](https://example.com)')).toBe(
      '<h3>One</h3>\n<ul>\n<li><strong>bold</strong> <code>code</code></li>\n' +
        '<li><a href="https://example.com" rel="nofollow noopener noreferrer">site</a></li>\n</ul>',
    );
  });

  test('have links where they name an address, and none to a bare name', () => {
    expect(renderNotes('https://example.com/a')).toContain('<a href="https://example.com/a"');
    expect(renderNotes('read.me and a@example.com')).toBe('<p>read.me and a@example.com</p>');
  });

  test('that are long are cut off', () => {
    expect(renderNotes('word '.repeat(10_000)).length).toBeLessThan(21_000);
  });
});

/** Beginnings of what a page must not have, outside of text. */
const HARMFUL =
  /<(?!\/?(?:h[3-6]|p|br|hr|[uo]l|li|blockquote|pre|code|strong|em|s|a|table|thead|tbody|tr|t[hd])\b)|<[^>]*\s(?!href=|rel=|start=)[a-z-]+=|javascript:|data:/i;

describe('attack W1: notes that run something', () => {
  test.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '[a](javascript:alert(1))',
    '[a](JaVaScRiPt:alert(1))',
    '[a](data:text/html;base64,PHNjcmlwdD4=)',
    '[a](vbscript:msgbox(1))',
    '<javascript:alert(1)>',
    '![a](https://example.com/pixel.png)',
    '![a](https://example.com/a.png "x\\" onerror=\\"alert(1)")',
    '[a](https://example.com "\\" onclick=\\"alert(1)")',
    '[a]: javascript:alert(1)\n\n[a]',
    '``` "><script>\nx\n```',
    '<a href="https://example.com" style="position:fixed" class="button">x</a>',
    '<form action=https://example.com><input name=a></form>',
    '<meta http-equiv=refresh content="0;url=https://example.com">',
    '<style>body{display:none}</style>',
    '&lt;script&gt;alert(1)&lt;/script&gt;',
    '\u0000<script\u0000>alert(1)</script>',
  ])('%s', (notes) => {
    const rendered = renderNotes(notes);
    const outsideText = rendered.replaceAll(/&[a-z#0-9]+;/g, '').replaceAll(/>[^<]*</g, '><');
    expect(outsideText).not.toMatch(HARMFUL);
    expect(rendered).not.toMatch(/<(?:script|img|svg|iframe|form|style|meta|input)/i);
  });
});

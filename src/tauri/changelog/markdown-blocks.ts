import MarkdownIt, { type Token } from 'markdown-it';
import { isTable } from '../project/table.ts';

const markdownIt = new MarkdownIt('commonmark');

/** A block at the outermost level of a document. */
export interface MarkdownBlock {
  readonly kind: 'heading' | 'paragraph' | 'html' | 'rule' | 'list' | 'other';
  /** The first line, and the one after the last, counted from 0. */
  readonly start: number;
  readonly end: number;
  /** 1 to 6; 0 for what is no heading. */
  readonly level: number;
  /** The source of a heading or paragraph without its marks, or of HTML. */
  readonly source: string;
}

/** A link definition at the outermost level: `[label]: url`. */
export interface LinkDefinition {
  readonly start: number;
  readonly end: number;
  readonly label: string; // normalized
}

export interface MarkdownDocument {
  readonly lines: readonly string[];
  readonly blocks: readonly MarkdownBlock[];
  readonly definitions: readonly LinkDefinition[];
}

const DEFINITION = 'reference_definition';

const KINDS: Readonly<Record<string, MarkdownBlock['kind']>> = {
  heading_open: 'heading',
  paragraph_open: 'paragraph',
  html_block: 'html',
  hr: 'rule',
  bullet_list_open: 'list',
  ordered_list_open: 'list',
};

/** Finds the blocks of a document (CommonMark), without parsing what is in them: linear in its length. */
export function parseBlocks(markdown: string): MarkdownDocument {
  const text = markdown.replace(/\r\n?/g, '\n');
  const lines = text.split('\n');
  const tokens: Token[] = [];
  markdownIt.block.parse(text.replaceAll('\0', '\ufffd'), markdownIt, {}, tokens);
  const blocks = tokens.flatMap((token, index): MarkdownBlock[] => {
    if (token.level !== 0 || token.nesting < 0 || token.map === null || token.type === DEFINITION) return [];
    const [start, end] = token.map;
    const kind = KINDS[token.type] ?? 'other';
    const source = kind === 'html' ? token.content : (tokens[index + 1]?.content ?? '');
    return [{ kind, start, end, level: kind === 'heading' ? Number(token.tag.slice(1)) : 0, source }];
  });
  return { lines, blocks, definitions: tokens.flatMap(definitionOf) };
}

function definitionOf({ type, level, map, meta }: Token): LinkDefinition[] {
  if (type !== DEFINITION || level !== 0 || map === null || !isTable(meta)) return [];
  const { label } = meta;
  return typeof label === 'string' ? [{ start: map[0], end: map[1], label }] : [];
}

/** The text of a heading or a line as it is read, without markup, HTML and images. */
export function plainText(source: string): string {
  const [inline] = markdownIt.parseInline(source, {});
  return (inline?.children ?? [])
    .map(({ type, content }) => {
      if (type === 'softbreak' || type === 'hardbreak') return '\n';
      return type === 'html_inline' || type === 'image' ? '' : content;
    })
    .join('');
}

/** Whether a paragraph consists of HTML tags only, like an anchor. */
export function isOnlyTags(source: string): boolean {
  if (!source.startsWith('<')) return false;
  const [inline] = markdownIt.parseInline(source, {});
  return (inline?.children ?? []).every(
    ({ type, content }) => type === 'html_inline' || type === 'softbreak' || content.trim() === '',
  );
}

/** The labels of link definitions that a text uses. @param labels as in `LinkDefinition` */
export function usedLabels(markdown: string, labels: Iterable<string>): Set<string> {
  const used = new Set<string>();
  const known = Object.fromEntries([...labels].map((label) => [label, { title: '', href: '#' }]));
  const references = new Proxy(known, {
    get(target, label) {
      if (typeof label === 'string' && Object.hasOwn(target, label)) used.add(label);
      return Reflect.get(target, label);
    },
  });
  const tokens: Token[] = [];
  markdownIt.block.parse(markdown, markdownIt, {}, tokens);
  for (const { type, content } of tokens) {
    if (type === 'inline') markdownIt.inline.parse(content, markdownIt, { references }, []);
  }
  return used;
}

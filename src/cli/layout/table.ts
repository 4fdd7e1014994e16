import type { Style } from '../output/colors.ts';
import { widthOf, wrapWords } from './words.ts';

export interface TableOptions {
  /** The titles of the columns. */
  readonly header?: readonly string[];
  /** Columns of the terminal. Elsewhere every row is one line, whatever its length. */
  readonly width?: number;
  /** For the titles. */
  readonly style?: Style;
}

const GAP = 2;
const INDENT = '  ';

/**
 * Rows as aligned columns. Cells may be coloured. Where a terminal is too narrow, cells are broken between words; if that is
 * not enough, the last column moves below the row.
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  { header, width = Number.POSITIVE_INFINITY, style }: TableOptions = {},
): string[] {
  const all = header === undefined ? rows : [header, ...rows];
  const columns = sideBySide(all, width);
  const widths = columnWidths(all, columns, width);
  return all.flatMap((row, index) => {
    const isHeader = header !== undefined && index === 0;
    const lines = layOut(row, widths, isHeader ? style : undefined);
    if (isHeader) return lines;
    const below = row.slice(columns).flatMap((cell, at) => {
      const title = header?.[columns + at];
      return cell === '' ? [] : [title === undefined ? cell : `${title} ${cell}`];
    });
    const indent = INDENT + (/^ */.exec(row[0] ?? '')?.[0] ?? '');
    return [
      ...lines,
      ...below.flatMap((text) => wrapWords(text, width - indent.length)).map((text) => indent + text),
    ];
  });
}

/** How many columns can stand beside each other. */
function sideBySide(rows: readonly (readonly string[])[], width: number): number {
  const words = widest(rows, (cell) => Math.max(...cell.split(' ').map(widthOf)));
  let columns = words.length;
  while (columns > 1 && total(words.slice(0, columns)) > width) columns--;
  return columns;
}

/** Takes from the widest column until all fit, down to its longest word. */
function columnWidths(rows: readonly (readonly string[])[], columns: number, width: number): number[] {
  const shown = rows.map((row) => row.slice(0, columns));
  const widths = widest(shown, widthOf);
  const least = widest(shown, (cell) => Math.max(...cell.split(' ').map(widthOf)));
  while (total(widths) > width) {
    const room = widths.map((each, column) => (each > (least[column] ?? 0) ? each : 0));
    const column = room.indexOf(Math.max(...room));
    if (room[column] === 0) return widths;
    widths[column] = (widths[column] ?? 1) - 1;
  }
  return widths;
}

function layOut(row: readonly string[], widths: readonly number[], style: Style | undefined): string[] {
  const cells = widths.map((width, column) => wrapWords(row[column] ?? '', width));
  const height = Math.max(...cells.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) => {
    const parts = cells.map((lines, column) => pad(lines[line] ?? '', widths[column] ?? 0));
    const text = parts.join(' '.repeat(GAP)).trimEnd();
    return style === undefined ? text : style('dim', text);
  });
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - widthOf(cell)));
}

function widest(rows: readonly (readonly string[])[], measure: (cell: string) => number): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => measure(row[column] ?? ''))));
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP * Math.max(0, widths.length - 1);
}

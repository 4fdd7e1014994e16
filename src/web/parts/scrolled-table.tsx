import type { ComponentChildren } from 'preact';

export interface ScrolledTableProps {
  /** What it has, for who cannot see it. */
  readonly label: string;
  /** A heading of each column. */
  readonly columns: readonly ComponentChildren[];
  /** Its rows. */
  readonly children: ComponentChildren;
}

/** A table that is scrolled sideways where it is too wide. */
export function ScrolledTable({ label, columns, children }: ScrolledTableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table is scrolled with the keyboard
    <section class="scrolled" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th key={i} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

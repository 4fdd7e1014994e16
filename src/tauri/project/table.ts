/** A JSON object or TOML table: fields of unknown types. */
export type Table = Readonly<Record<string, unknown>>;

export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value, or an empty table where it is anything else. */
export function tableOf(value: unknown): Table {
  return isTable(value) ? value : {};
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

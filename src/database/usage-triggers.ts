/*
 * The triggers that keep `app_usage`, so that no limit has to count rows, and no query can forget to. Both engines compute
 * with the same expressions: what one row of a table adds to the usage of its app.
 */

type Additions = Readonly<Record<string, string>>;

interface CountedTable {
  readonly table: string;
  /** The column that names the app; null where a row belongs to none. */
  readonly app: string;
  /** By column of `app_usage`, of the row that is called `r`. */
  readonly adds: Additions;
  /** The same, for what does not depend on columns that are ever updated. */
  readonly addsOnce?: Additions;
  /** The columns that `app` and `adds` depend on, of those that are ever updated. */
  readonly updated: readonly string[];
}

const COUNTED: readonly CountedTable[] = [
  {
    table: 'releases',
    app: 'app_id',
    adds: {
      drafts: `case when r.status = 'draft' then 1 else 0 end`,
      notes_bytes: `coalesce(octet_length(r.notes), 0) + coalesce(octet_length(r.signature), 0)`,
    },
    // A version that was live is never forgotten: it counts once, also after its release was deleted.
    addsOnce: {
      releases: `case when exists (
        select 1 from published_bytes p where p.app_id = r.app_id and p.precedence = r.precedence
      ) then 0 else 1 end`,
    },
    updated: ['status', 'notes', 'signature'],
  },
  {
    table: 'artifacts',
    app: 'app',
    adds: {
      pending_uploads: `case when r.status = 'pending' then 1 else 0 end`,
      stored_bytes: `case when r.status = 'complete' then r.file_size else 0 end`,
      announced_bytes: `case when r.status = 'pending' then r.file_size else 0 end`,
      notes_bytes: `case when r.status = 'deleting' then 0 else coalesce(octet_length(r.signature), 0) end`,
    },
    updated: ['status'],
  },
  {
    table: 'statements',
    app: 'app',
    adds: { notes_bytes: 'octet_length(r.document)' },
    updated: ['document'],
  },
  { table: 'slugs', app: 'app_id', adds: { slugs: '1' }, updated: ['app_id'] },
];

/** The statements that create the triggers of SQLite, which run for each row. */
export const SQLITE_USAGE_TRIGGERS: readonly string[] = COUNTED.flatMap((counted) => {
  const { updated, adds, addsOnce } = counted;
  const all = { ...adds, ...addsOnce };
  const update = `update of ${updated.join(', ')}`;
  return [
    sqliteTrigger(counted, { event: 'insert', row: 'new', adds: all }),
    sqliteTrigger(counted, { event: 'delete', row: 'old', adds: all }),
    sqliteTrigger(counted, { event: update, row: 'old', adds }),
    sqliteTrigger(counted, { event: update, row: 'new', adds }),
  ];
});

interface RowChange {
  readonly event: string;
  readonly row: 'old' | 'new';
  readonly adds: Additions;
}

function sqliteTrigger({ table, app }: CountedTable, { event, row, adds }: RowChange): string {
  const values = Object.values(adds).map((text) => `${signOf(row)}(${text.replaceAll(/\br\./g, `${row}.`)})`);
  return `
    create trigger usage_${table}_${event.split(' ')[0]}_${row} after ${event} on "${table}"
    when ${row}.${app} is not null begin
      insert into app_usage (app_id, ${Object.keys(adds).join(', ')}) values (${row}.${app}, ${values.join(', ')})
      on conflict (app_id) do update set ${sumsOf(adds)};
    end`;
}

/**
 * The statements that create the triggers of PostgreSQL. They run for each statement, as it may delete thousands of rows,
 * and each update of one row in a transaction is slower than the one before.
 */
export const POSTGRES_USAGE_TRIGGERS: readonly string[] = COUNTED.flatMap((counted) => {
  const { table, adds, addsOnce } = counted;
  const all = { ...adds, ...addsOnce };
  const trigger = (event: string, ...rows: readonly string[]) =>
    `create trigger usage_${table}_${event} after ${event} on ${table}
      referencing ${rows.map((row) => `${row} table as ${row}_rows`).join(' ')}
      for each statement execute function synckit_ota_count_${table}()`;
  return [
    `create function synckit_ota_count_${table}() returns trigger language plpgsql as $$ begin
      if tg_op = 'INSERT' then ${postgresCount(counted, all, 'new')};
      elsif tg_op = 'DELETE' then ${postgresCount(counted, all, 'old')};
      else ${postgresCount(counted, adds, 'old', 'new')};
      end if;
      return null;
    end $$`,
    trigger('insert', 'new'),
    trigger('update', 'old', 'new'),
    trigger('delete', 'old'),
  ];
});

function postgresCount({ app }: CountedTable, adds: Additions, ...rows: readonly RowChange['row'][]): string {
  const columns = Object.keys(adds);
  const changes = rows.map((row) => {
    const values = Object.entries(adds).map(([column, text]) => `${signOf(row)}(${text}) as ${column}`);
    return `select r.${app} as app_id, ${values.join(', ')} from ${row}_rows r where r.${app} is not null`;
  });
  const sums = columns.map((column) => `sum(${column})`);
  // In order, so that of two statements that change several apps each waits for the other at most once.
  return `insert into app_usage (app_id, ${columns.join(', ')})
    select app_id, ${sums.join(', ')} from (${changes.join(' union all ')}) changes
    group by app_id having ${sums.map((sum) => `${sum} <> 0`).join(' or ')} order by app_id
    on conflict (app_id) do update set ${sumsOf(adds)}`;
}

function signOf(row: RowChange['row']): string {
  return row === 'old' ? '-' : '';
}

function sumsOf(adds: Additions): string {
  return Object.keys(adds)
    .map((column) => `${column} = app_usage.${column} + excluded.${column}`)
    .join(', ');
}

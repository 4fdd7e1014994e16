/** The columns that name the app in the tables that say what is offered under which slug. */
export const WATCHED = [
  { table: 'apps', column: 'id', updated: 'revision' },
  { table: 'slugs', column: 'app_id', updated: 'app_id' },
] as const;

/** The statements that create SQLite's triggers on those tables. */
export const SQLITE_CHANGE_TRIGGERS: readonly string[] = WATCHED.flatMap(({ table, column, updated }) =>
  (
    [
      ['insert', 'new'],
      [`update of ${updated}`, 'new'],
      [`update of ${updated}`, 'old'],
      ['delete', 'old'],
    ] as const
  ).map(
    ([event, row]) => `
      create trigger ${table}_${event.split(' ')[0]}_${row} after ${event} on "${table}"
      when "${row}"."${column}" is not null begin
        insert into changed_apps (app_id, number)
        values ("${row}"."${column}", (select coalesce(max(number), 0) + 1 from changed_apps))
        on conflict (app_id) do update set number = excluded.number;
      end`,
  ),
);

/** The statements that create SQLite's triggers on the audit log. */
export const SQLITE_AUDIT_TRIGGERS: readonly string[] = [
  `create trigger audit_kept_update before update on "audit" begin
    select raise(abort, 'the audit log is append-only');
  end`,
  `create trigger audit_kept_delete before delete on "audit"
  when "old"."seq" > (select deletable_seq from audit_head) begin
    select raise(abort, 'the audit log is append-only');
  end`,
];

/** All triggers that a store on SQLite has. */
export const SQLITE_TRIGGERS: readonly string[] = [...SQLITE_CHANGE_TRIGGERS, ...SQLITE_AUDIT_TRIGGERS];

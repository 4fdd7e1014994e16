/** In milliseconds, like the others. */
const STATEMENT_TIMEOUT_MS = 8000;
const LOCK_TIMEOUT_MS = 5000;
/** Releases the locks of a node that hangs inside a transaction. */
const IDLE_IN_TRANSACTION_MS = 3000;

/** For `set_config`. Keepalives detect a host that vanished, so that its locks are released. */
const SETTINGS: Readonly<Record<string, string | number>> = {
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  default_transaction_isolation: 'read committed', // for single statements; see `transact`
  tcp_keepalives_idle: 5,
  tcp_keepalives_interval: 2,
  tcp_keepalives_count: 3,
};

/**
 * Sets up a session by a statement, as poolers refuse unknown startup parameters. Acknowledged commits must survive a
 * crash, whatever the server's or the role's default says.
 */
export const SET_UP_SESSION = `select ${Object.entries(SETTINGS)
  .map(([name, value]) => `set_config('${name}', '${value}', false)`)
  .join(', ')}, case current_setting('synchronous_commit')
    when 'off' then set_config('synchronous_commit', 'on', false) end`;

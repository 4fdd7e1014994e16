/** How long the server lets a statement run, in milliseconds. */
const STATEMENT_TIMEOUT_MS = 8000;
/** How long a statement waits for another transaction's lock, in milliseconds. */
const LOCK_TIMEOUT_MS = 5000;
/** After this long, in milliseconds, the locks of a node that stopped in the middle of a transaction are free again. */
const IDLE_IN_TRANSACTION_MS = 3000;

/** As `set_config` takes them. A host that vanished is noticed by keepalives, so that its locks are not kept. */
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
 * Sets a session up. Set by a statement and not when connecting, because poolers refuse what they do not know.
 * What is acknowledged must survive a crash, whatever the server's or the role's default says.
 */
export const SET_UP_SESSION = `select ${Object.entries(SETTINGS)
  .map(([name, value]) => `set_config('${name}', '${value}', false)`)
  .join(', ')}, case current_setting('synchronous_commit')
    when 'off' then set_config('synchronous_commit', 'on', false) end`;

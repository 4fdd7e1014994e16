/** What a process has done since its start, as plain numbers: they cost nothing until somebody asks for them. */
export class ServerCounters {
  /** Update checks by the status of their response. */
  readonly checks = new Numbers<number>();
  /** Refused requests by the code of their problem. */
  readonly refusals = new Numbers<string>();
  /** Files that were being sent, those that were sent whole, and bytes. Only those that this server sends itself. */
  readonly downloads = { started: 0, finished: 0, bytes: 0 };
  /** Redirects to files. */
  redirects = 0;
  /** Uploads to this server, whole or in parts. */
  readonly uploads = { accepted: 0, refused: 0, bytes: 0 };
  requestsInFlight = 0;
  readonly maintenance = { rounds: 0, failures: 0 };
  /** Writes of what was counted of installed apps. */
  countingWrites = 0;
  readonly webhooks = { delivered: 0, retried: 0, failed: 0 };
  storageErrors = 0;
  databaseErrors = 0;
}

/** One number for each name, of which there are few. */
export class Numbers<Name> {
  readonly #values = new Map<Name, number>();

  count(name: Name): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + 1);
  }

  entries(): Iterable<[Name, number]> {
    return this.#values.entries();
  }
}

import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../process/binary.ts';
import { publishLinux, writeBundle } from '../publish/world.ts';
import { sha256Of } from '../tauri/local-file.ts';
import { type Ledger, versionOf } from './ledger.ts';

/** Publishes with the built command, and retries according to its exit code. */
export class CommandPublisher {
  readonly #server: string;
  readonly #ledger: Ledger;
  readonly #folder: string;
  acknowledged = 0;
  /** Runs that ended with 7. */
  repeated = 0;
  #last = -1;

  constructor(server: string, ledger: Ledger, folder: string) {
    this.#server = server;
    this.#ledger = ledger;
    this.#folder = folder;
  }

  /** Publishes the next version. */
  async goOn(): Promise<void> {
    const number = ++this.#last;
    const name = `App-${number}.AppImage`;
    const bytes = randomBytes(50_000);
    const file = await writeBundle(this.#folder, name, bytes);
    const published = this.#ledger.begin({
      number,
      signature: `signature of ${name}`,
      sha256: sha256Of(bytes),
    });
    const { id, token } = this.#ledger.app;
    const env = { SYNCKIT_OTA_SERVER: this.#server, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
    const options = { cwd: this.#folder, env };
    const args = publishLinux(versionOf(published), file, '--slug', this.#ledger.slug);
    for (;;) {
      const { code, stderr } = await run(args, options);
      if (code === 0) break;
      if (code !== 7) throw new Error(`publish ended with ${code}: ${stderr}`);
      this.repeated++;
    }
    published.acknowledgedAt = performance.now();
    this.acknowledged++;
    await rm(join(this.#folder, name));
  }
}

import { open } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';

/*
 * What an upload is compared with: a process that writes the body of each PUT to a new file, in pieces of 1 MiB, and
 * answers once it is synced. Writes its port to stdout. Usage: node bare-put-server.ts FOLDER
 */

const WRITE_SIZE = 1024 * 1024;
const [folder = '.'] = process.argv.slice(2);
let files = 0;

async function store(body: IncomingMessage): Promise<void> {
  const handle = await open(`${folder}/bare-${files++}`, 'w');
  const buffer = Buffer.allocUnsafe(WRITE_SIZE);
  let filled = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    for (let taken = 0; taken < chunk.length; ) {
      const count = chunk.copy(buffer, filled, taken);
      taken += count;
      filled += count;
      if (filled < WRITE_SIZE) continue;
      await handle.write(buffer);
      filled = 0;
    }
  }
  await handle.write(buffer, 0, filled);
  await handle.sync();
  await handle.close();
}

const server = createServer((request, response) => {
  void store(request).then(() => response.end());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' ? address?.port : address);
});

import { Readable } from 'node:stream';
import type { TestServer } from '../support/server/server.ts';
import { fetchRequest } from './fetch-request.ts';
import type { Send } from './own-server.ts';

/** Passes requests to the server without a connection. */
export async function callInProcess({ app }: TestServer): Promise<Send> {
  return async (method, path, { headers, body, chunked }) => {
    const payload = chunked ? Readable.from([body]) : body;
    const reply = await app.inject({
      method: method as 'GET',
      url: path,
      ...(headers && { headers }),
      ...(payload !== undefined && { payload }),
    });
    return {
      status: reply.statusCode,
      headers: Object.fromEntries(
        Object.entries(reply.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: reply.rawPayload,
    };
  };
}

/** Starts listening, and sends requests over loopback. */
export async function callOverLoopback(server: TestServer): Promise<Send> {
  const { url } = await server.listen();
  return (method, path, options) => fetchRequest(method, url + path, options);
}

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { shapeOf } from '../../support/docs/json-shape.ts';
import { readText } from '../../support/docs/pages.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER, startS3Server } from '../../support/s3/s3-server.ts';
import { openTestServer, type TestServer } from '../../support/server/server.ts';

/** A command as the page shows it, with what it says about the response. */
interface Example {
  readonly command: string;
  readonly status: number;
  /** The block after "Answers …"; undefined where there is no body. */
  readonly body?: { readonly language: string; readonly text: string };
  /** Fields of the response that later commands use, by the variable that holds each. */
  readonly saved: readonly (readonly [field: string, variable: string])[];
}

const [onDisk = '', onS3 = ''] = readText('docs/reference/http-api.md').split(/^## Uploads to S3$/m);

describe.skipIf(!isInstalled('curl'))('the commands on the page of the HTTP API (need curl)', () => {
  test('run one after the other on a new server, and give the responses on the page', async () => {
    const server = await openTestServer(await tempFolder());
    onTestFinished(() => server.close());
    const app = await server.createApp({ name: 'My App' });
    await runAll(examplesIn(onDisk), await variables(server, app));
  });

  test('do the same on a server with S3 storage', async () => {
    const server = await startS3Server(await tempFolder(), await fakeS3Place(), { pollSchedule: NEVER });
    const app = await server.createApp({ name: 'My App', slug: 'my-app' });
    const settings = await variables(server, app);
    const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ version: '1.2.0', draft: true });
    const url = `${settings.OTA}/apps/${app.id}/releases`;
    const created = await fetch(url, { method: 'POST', headers, body });
    const { id } = (await created.json()) as { id: string };
    const [file = ''] = onDisk.match(/^printf .*$/m) ?? [];
    await runAll(examplesIn(onS3), { ...settings, RELEASE: id }, file);
  });
});

test('the commands on the page include some for each kind of storage', () => {
  expect(examplesIn(onDisk).length).toBeGreaterThan(15);
  expect(examplesIn(onS3).length).toBeGreaterThan(4);
});

async function variables(server: TestServer, app: { readonly id: string; readonly token: string }) {
  const { url, drain } = await server.listen();
  onTestFinished(() => drain());
  return { OTA: `${url}/api/sync/ota`, APP: app.id, TOKEN: app.token };
}

function examplesIn(page: string): Example[] {
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$(.*?)(?=^```sh$|(?![\s\S]))/gms)];
  return blocks
    .map(([, command = '', rest = '']) => ({ command, rest }))
    .filter(({ command }) => /^curl /m.test(command))
    .map(({ command, rest }) => {
      const answer = /^Answers ([^\n]*?(\d{3})[^\d\n]*)\n(?:\n?```(\w+)\n(.*?)^```$)?/ms.exec(rest);
      const [, , status = '', language = '', text = ''] = answer ?? [];
      const [saving = ''] = /^Save .*$/m.exec(rest) ?? [];
      const saved = [...saving.matchAll(/`([^`]+)` as `([A-Z_]+)`/g)];
      return {
        command,
        status: Number(status),
        ...(language !== '' && { body: { language, text } }),
        saved: saved.map(([, field = '', variable = '']) => [field, variable] as const),
      };
    });
}

/** @param setUp runs once, before the first command */
async function runAll(
  examples: readonly Example[],
  settings: Readonly<Record<string, string>>,
  setUp = '',
): Promise<void> {
  const folder = await tempFolder();
  const env: Record<string, string> = { PATH: process.env.PATH ?? '', ...settings };
  const shell = async (script: string) =>
    (await promisify(execFile)('bash', ['--norc', '-euc', script], { cwd: folder, env })).stdout;
  await shell(setUp);
  for (const { command, status, body, saved } of examples) {
    const curl = `curl() { command curl -sS -o body -w '%{http_code}' "$@"; }\nrm -f body\n`;
    const answered = await shell(curl + command);
    const text = await readFile(join(folder, 'body'), 'utf8').catch(() => '');
    expect(Number(answered), `${command}\n${text}`).toBe(status);
    if (body?.language === 'json') {
      const response: unknown = JSON.parse(text);
      const shown: unknown = JSON.parse(body.text);
      const compared = Array.isArray(response) && !Array.isArray(shown) ? response.at(-1) : response;
      const isProblem = status >= 400;
      expect(isProblem ? compared : shapeOf(compared), command).toEqual(isProblem ? shown : shapeOf(shown));
      for (const [field, variable] of saved) env[variable] = String(fieldOf(response, field));
    } else {
      expect(text, command).toBe((body?.text ?? '').trimEnd());
    }
  }
}

/** @param path like `multipart.parts[0].url` */
function fieldOf(value: unknown, path: string): unknown {
  return path
    .split(/[.[\]]+/)
    .filter((step) => step !== '')
    .reduce((current, step) => (current as Record<string, unknown>)[step], value);
}

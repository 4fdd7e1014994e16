import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { isInstalled } from '../support/process/is-installed.ts';

const exec = promisify(execFile);

/** It takes a smaller part of the cores than autocannon. */
export const wrkIsInstalled = isInstalled('wrk');

export interface CheckLoad {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** `name: value` of a request header. */
  readonly header?: string | undefined;
}

/** Sends the same request as fast as it is answered. @throws Error when an answer is a failure */
export async function answersPerSecond({ url, connections, seconds, header }: CheckLoad): Promise<number> {
  if (!wrkIsInstalled) {
    const [name = '', value = ''] = header?.split(/: (.*)/, 2) ?? [];
    const options = { url, connections, duration: seconds, headers: header ? { [name]: value } : {} };
    const { requests, '4xx': refused, '5xx': failed } = await autocannon(options);
    if (refused + failed > 0) throw new Error(`${refused + failed} checks failed`);
    return requests.average;
  }
  const headers = header === undefined ? [] : ['-H', header];
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, ...headers, url];
  const { stdout } = await exec('wrk', args);
  const speed = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  if (speed === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return Number(speed);
}

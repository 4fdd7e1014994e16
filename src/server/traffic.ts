import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CheckQuery, UpdateResponse } from '../protocol/messages.ts';
import { type Platform, platformOf } from '../protocol/platform.ts';
import type { ProblemBody } from '../protocol/problem.ts';
import type { RouteParameters } from '../protocol/routes.ts';
import { knownBundleType } from './handlers/check.ts';

/** What installed apps ask and fetch, as it is answered. */
export type Traffic =
  | {
      readonly type: 'check';
      readonly platform: Platform;
      readonly currentVersion: string;
      /** The version of the update; undefined when there is none for them. */
      readonly offered: string | undefined;
    }
  | {
      readonly type: 'download';
      /** As the answer names it. */
      readonly fileName: string;
      /** Bytes. */
      readonly size: number;
      /** Whether all of it was sent. */
      readonly complete: boolean;
    }
  /** Whatever was asked, and cannot be answered. */
  | {
      readonly type: 'refused';
      readonly method: string;
      /** Without its query, which may be signed. */
      readonly path: string;
      readonly status: number;
      readonly reason: string;
    };

/** Reports each check, download and refusal when its answer has been sent, or broken off. For an app not yet listening. */
export function watchTraffic(app: FastifyInstance, report: (traffic: Traffic) => void): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const body = typeof payload === 'string' ? payload : '';
    reply.raw.once('close', () => {
      const traffic = trafficOf(request, reply, body);
      if (traffic !== undefined) report(traffic);
    });
  });
}

function trafficOf(request: FastifyRequest, reply: FastifyReply, body: string): Traffic | undefined {
  const { method } = request;
  const status = reply.statusCode;
  const { route } = request.routeOptions.config;
  if (status >= 400) {
    const path = request.url.replace(/\?.*$/, '');
    return { type: 'refused', method, path, status, reason: reasonIn(body) };
  }
  if (method !== 'GET') return undefined;
  if (route === 'check') {
    const { target, arch, current_version: currentVersion } = request.params as RouteParameters<'check'>;
    const bundle_type = knownBundleType(request.query as CheckQuery);
    const platform = platformOf({ ...({ target, arch } as Platform), bundle_type });
    const offered = status === 200 ? (JSON.parse(body) as UpdateResponse).version : undefined;
    return { type: 'check', platform, currentVersion, offered };
  }
  if (route === 'storedFile' && (status === 200 || status === 206)) {
    const [, fileName = ''] = /filename="(.*)"/.exec(String(reply.getHeader('content-disposition'))) ?? [];
    const size = Number(reply.getHeader('content-length'));
    return { type: 'download', fileName, size, complete: reply.raw.writableFinished };
  }
  return undefined;
}

function reasonIn(body: string): string {
  const problem: ProblemBody = body.startsWith('{') ? JSON.parse(body) : {};
  return problem.detail ?? '';
}

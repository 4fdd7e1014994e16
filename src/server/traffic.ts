import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CheckQuery, UpdateResponse } from '../protocol/messages.ts';
import type { Platform } from '../protocol/platform.ts';
import { ProblemBody } from '../protocol/problem.ts';
import type { RouteName } from '../protocol/routes.ts';
import { matches } from '../protocol/validate.ts';
import { isValidFor } from './http/register-route.ts';
import { loggedPath } from './request-log.ts';
import { requestedPlatform } from './update-check/requested-platform.ts';

/** What installed apps request, and how it was answered. */
export type Traffic =
  | {
      readonly type: 'check';
      readonly platform: Platform;
      readonly currentVersion: string;
      /** The version of the update; undefined when there is none. */
      readonly offered: string | undefined;
    }
  | {
      readonly type: 'download';
      /** From the response's content-disposition. */
      readonly fileName: string;
      /** Bytes. */
      readonly size: number;
      /** Whether all of it was sent. */
      readonly complete: boolean;
    }
  /** Any other request that failed. */
  | {
      readonly type: 'refused';
      readonly method: string;
      /** Without the query, which may hold a signature. */
      readonly path: string;
      readonly status: number;
      readonly reason: string;
    };

/** Reports each check, download and refusal when its response was sent, or aborted. Call before the app listens. */
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
  if (isOptional(route) && status === 404) return undefined; // asked for also where there is none
  if (status >= 400) {
    return { type: 'refused', method, path: loggedPath(request.url), status, reason: reasonIn(body) };
  }
  if (method !== 'GET') return undefined;
  if (route === 'check') return checkOf(request, body);
  if (route === 'storedFile' && (status === 200 || status === 206)) {
    const [, fileName = ''] = /filename="(.*)"/.exec(String(reply.getHeader('content-disposition'))) ?? [];
    const size = Number(reply.getHeader('content-length'));
    return { type: 'download', fileName, size, complete: reply.raw.writableFinished };
  }
  return undefined;
}

function isOptional(route: RouteName | undefined): boolean {
  return route === 'manifest' || route === 'attestation';
}

function checkOf({ params, query }: FastifyRequest, body: string): Traffic | undefined {
  if (!isValidFor('check', params) || !matches(CheckQuery, query)) return undefined;
  const update = parseJson(body);
  return {
    type: 'check',
    platform: requestedPlatform(params, query),
    currentVersion: params.current_version,
    offered: matches(UpdateResponse, update) ? update.version : undefined,
  };
}

function reasonIn(body: string): string {
  const problem = parseJson(body);
  return (matches(ProblemBody, problem) && problem.detail) || '';
}

/** Responses of this server: JSON, or empty. */
function parseJson(body: string): unknown {
  return body.startsWith('{') ? JSON.parse(body) : undefined;
}

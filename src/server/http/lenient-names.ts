import type { FastifyRequest } from 'fastify';
import { CHANNEL_HEADER } from '../../protocol/channel.ts';
import { archCalled, targetCalled } from '../../protocol/other-names.ts';
import { isCustomTarget, platformCalled } from '../../protocol/platform.ts';
import type { FieldError } from '../../protocol/problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Target and arch in the words of the app that asks, decoded. */
    asked?: AskedNames;
  }
}

/** What an app calls its platform. */
export interface AskedNames {
  readonly target: string;
  readonly arch: string;
}

/**
 * Puts what an app asks for into the words of this API, before it is validated: an app with a release build cannot be
 * corrected any more. A platform may have the name it has elsewhere, a setting may be empty or capitalised, and the
 * channel may come in a header, which the query wins over.
 */
export async function useCanonicalNames(request: FastifyRequest): Promise<void> {
  const { params, query, headers } = request;
  if (!isRecord(params) || !isRecord(query)) return;
  request.asked = { target: String(params.target), arch: String(params.arch) };
  // The key of a platform in static manifests, which some apps set as their updater's target.
  const platform = calledBy(platformCalled, params.target);
  if (platform !== undefined) {
    Object.assign(params, { target: platform.target, arch: platform.arch ?? params.arch });
    query.bundle_type = platform.bundleType ?? query.bundle_type;
  }
  params.target = calledBy(targetCalled, params.target) ?? tidied(params.target);
  // A custom target has one file, however the app was installed that asks for it.
  if (calledBy(isCustomTarget, params.target)) delete query.bundle_type;
  params.arch = calledBy(archCalled, params.arch) ?? params.arch;
  setTidied(query, 'bundle_type', query.bundle_type);
  setTidied(query, 'channel', tidied(query.channel) || headers[CHANNEL_HEADER]);
}

/** The same of what an app reports. */
export async function useCanonicalPlatform({ body }: FastifyRequest): Promise<void> {
  if (!isRecord(body)) return;
  const platform = calledBy(platformCalled, body.target);
  if (platform !== undefined)
    Object.assign(body, { target: platform.target, arch: platform.arch ?? body.arch });
  body.target = calledBy(targetCalled, body.target) ?? tidied(body.target);
  body.arch = calledBy(archCalled, body.arch) ?? body.arch;
}

/** Adds to errors about what an app asks for what is wrong with it, or what it is called here. */
export function withCanonicalNames(errors: readonly FieldError[], data: unknown): FieldError[] {
  return errors.map(({ field, message }) => {
    const given = isRecord(data) ? data[field] : undefined;
    const reason = typeof given === 'string' ? describeName(field, given) : undefined;
    return { field, message: reason === undefined ? message : `${message}: ${reason}` };
  });
}

/** Says of parameters of a query that are given several times that they are. */
export function withRepeated(errors: readonly FieldError[], query: unknown): FieldError[] {
  return errors.map((error) => {
    const given = isRecord(query) ? query[error.field] : undefined;
    return Array.isArray(given) ? { ...error, message: `is given ${given.length} times` } : error;
  });
}

function describeName(field: string, given: string): string | undefined {
  if (/^\{\{.*\}\}$/.test(given)) {
    return `${given} was not filled in; Tauri's updater fills in {{target}}, {{arch}}, {{current_version}} and {{bundle_type}}`;
  }
  if (field === 'arch' && /^universal$/i.test(given)) {
    return 'an app asks for the arch of its machine, and gets a universal file for it, too';
  }
  const find = {
    target: (name: string) => targetCalled(name) ?? platformCalled(name)?.target,
    arch: archCalled,
  };
  const name = field === 'target' || field === 'arch' ? find[field](given) : undefined;
  return name && `${given} is called ${name} here`;
}

function calledBy<Name>(find: (name: string) => Name | undefined, value: unknown): Name | undefined {
  return typeof value === 'string' ? find(value) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function setTidied(query: Record<string, unknown>, name: string, value: unknown): void {
  const text = tidied(value);
  if (text === '' || text === undefined) delete query[name];
  else query[name] = text;
}

/** What is no text, like a parameter that is repeated, is left to the validation. */
function tidied(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().toLowerCase() : value;
}

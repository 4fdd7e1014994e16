import { shownUrl } from '../../client/shown-url.ts';
import { BUNDLE_TYPES } from '../../protocol/platform.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import type { Question } from './endpoint-response.ts';

/** Filled in by the updater; without it a server cannot know what is newer. */
const CURRENT_VERSION = /(\{\{|%7B%7B)current_version(\}\}|%7D%7D)/;

/**
 * The URL that Tauri's updater asks at. It fills in the placeholders as they are in a serialised URL, where those in a
 * path are percent-encoded and those in a query are not; of the values it encodes only the `+` of a version.
 * @returns undefined where it is no URL
 */
export function fillEndpoint(endpoint: string, { platform, version }: Question): URL | undefined {
  if (!URL.canParse(endpoint)) return undefined;
  const values = {
    current_version: version.replaceAll('+', '%2B'),
    target: platform.target,
    arch: platform.arch,
    bundle_type: platform.bundleType ?? 'unknown',
  };
  let text = new URL(endpoint).href;
  for (const [name, value] of Object.entries(values)) {
    text = text.replaceAll(`%7B%7B${name}%7D%7D`, value).replaceAll(`{{${name}}}`, value);
  }
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Whether the server gets to know which version asks. */
export function saysVersion(endpoint: string): boolean {
  return CURRENT_VERSION.test(endpoint);
}

/** An endpoint as it may be shown: without query and credentials, which may be secret, and with readable braces. */
export function displayEndpoint(endpoint: string): string {
  const shown = shownUrl(endpoint) ?? (/@|:\/\//.test(endpoint) ? 'an endpoint' : endpoint);
  return shown.replaceAll('%7B', '{').replaceAll('%7D', '}');
}

/** The parts of a path of this API after its root: slug, target, arch and version. Undefined for any other path. */
export function checkPathOf({ pathname }: URL): string[] | undefined {
  const at = pathname.indexOf(`${API_ROOT}/`);
  return at < 0 ? undefined : pathname.slice(at + API_ROOT.length + 1).split('/');
}

/** Why a path of this API does not ask the question, if it does not. Other paths may be rewritten by a proxy. */
export function pathFault(endpoint: string, url: URL, { platform, version }: Question): string | undefined {
  const parts = checkPathOf(url);
  if (parts === undefined) return undefined;
  const fixedKind = url.searchParams.get('bundle_type');
  if (BUNDLE_TYPES.some((type) => type === fixedKind) && fixedKind !== (platform.bundleType ?? fixedKind)) {
    return `it asks for ${fixedKind} files, but this build is installed as ${platform.bundleType} too: it needs bundle_type={{bundle_type}}, or none`;
  }
  if (!saysVersion(endpoint)) return 'it has no {{current_version}}';
  const [, target, arch, current = '', ...rest] = parts;
  const expected = '{{target}}/{{arch}}/{{current_version}} after the slug';
  if (parts.length !== 4) {
    return rest.join('') === '' && parts.length === 5 ? 'it ends with a slash' : `it has not ${expected}`;
  }
  if (target !== platform.target || arch !== platform.arch) {
    return `it asks for ${target}/${arch}, not for ${platform.target}/${platform.arch}: it needs ${expected}`;
  }
  return decoded(current) === version ? undefined : `it needs ${expected}`;
}

/** Percent-decoded, where that is possible. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

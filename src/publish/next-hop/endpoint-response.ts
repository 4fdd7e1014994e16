import Type from 'typebox';
import { describePage, findFront, isUnmistakable } from '../../client/refusal/front.ts';
import { decodeIfMatching, isPage, type ReceivedResponse } from '../../client/response.ts';
import { APP_TAG_HEADER } from '../../protocol/app-tag.ts';
import { UpdateResponse } from '../../protocol/messages.ts';
import type { Platform } from '../../protocol/platform.ts';
import { ProblemBody, type ProblemCode } from '../../protocol/problem.ts';
import { isVersion } from '../../protocol/version.ts';

/** What an installed app asks: is there an update for this platform from this version? */
export interface Question {
  readonly platform: Platform;
  readonly version: string;
}

/** What an endpoint answers, as far as it makes a difference to Tauri's updater. */
export type EndpointResponse =
  | {
      readonly kind: 'unreachable';
      /** Completes "the endpoint …: ". */
      readonly reason: string;
      /** Whether it is the certificate that is not accepted. */
      readonly untrusted: boolean;
    }
  /** The two that the API gives; with the tag of the app, where the server has the extension `app-tag`. */
  | { readonly kind: 'no_update'; readonly tag: string | undefined }
  | { readonly kind: 'update'; readonly tag: string | undefined; readonly update: UpdateResponse }
  /** One JSON file for all platforms, as on GitHub Releases. */
  | { readonly kind: 'static_file'; readonly version: string }
  | { readonly kind: 'not_json'; readonly what: string }
  | { readonly kind: 'other_json' }
  | {
      readonly kind: 'refused';
      readonly status: number;
      /** Of a problem of this API. */
      readonly code: string | undefined;
      /** The server's own words, or who answered in its place. */
      readonly detail: string | undefined;
    };

/** Tauri's other format: https://v2.tauri.app/plugin/updater/#static-json-file */
const StaticFile = Type.Object({
  version: Type.String(),
  platforms: Type.Record(Type.String(), Type.Object({})),
});

/** How much of a server's message is shown, in characters. */
const MAX_SHOWN_LENGTH = 200;

const UNKNOWN_SLUG: ProblemCode = 'not_found';

export function toEndpointResponse(response: ReceivedResponse): EndpointResponse {
  const { status, text } = response;
  const tag = response.header(APP_TAG_HEADER);
  if (status === 204) return { kind: 'no_update', tag };
  if (status < 200 || status > 299) {
    const problem = decodeIfMatching(ProblemBody, text);
    const detail = problem?.detail?.replace(/\p{C}+/gu, ' ').slice(0, MAX_SHOWN_LENGTH);
    return { kind: 'refused', status, code: problem?.code, detail: detail ?? frontOf(response) };
  }
  const update = decodeIfMatching(UpdateResponse, text);
  if (update !== undefined && isVersionOfUpdater(update.version)) return { kind: 'update', tag, update };
  const file = decodeIfMatching(StaticFile, text);
  if (file !== undefined && isVersionOfUpdater(file.version))
    return { kind: 'static_file', version: file.version };
  if (decodeIfMatching(Type.Unknown(), text) !== undefined) return { kind: 'other_json' };
  if (text.trim() === '') return { kind: 'not_json', what: 'nothing' };
  return { kind: 'not_json', what: isPage(text) ? describePage(findFront(response)) : 'no JSON' };
}

/** Who refused in place of the server, where that shows. */
function frontOf(response: ReceivedResponse): string | undefined {
  if (!isPage(response.text) && !isUnmistakable(response)) return undefined;
  const { name = 'something', isLogin } = findFront(response);
  return `from ${name} in front of it${isLogin ? ', which asks for a login' : ''}`;
}

/** Whether the updater is content with an answer, and asks no further endpoint. */
export function endsTheCheck({ kind }: EndpointResponse): boolean {
  return kind === 'no_update' || kind === 'update' || kind === 'static_file' || kind === 'not_json';
}

/** Whether it is this API's answer about a slug that no app has. Other servers than ours may answer any 404. */
export function isUnknownSlug(answer: EndpointResponse, isOurServer: boolean): boolean {
  if (answer.kind !== 'refused' || answer.status !== 404) return false;
  return !isOurServer || answer.code === UNKNOWN_SLUG;
}

/** Whether two servers answer a question with the same release. Hosts may differ, where one stands before the other. */
export function isSameUpdate(a: EndpointResponse, b: EndpointResponse): boolean {
  if (a.kind !== 'update' || b.kind !== 'update') return false;
  const pathOf = (url: string) => (URL.canParse(url) ? new URL(url).pathname : url);
  const sameFile = a.update.signature === b.update.signature && pathOf(a.update.url) === pathOf(b.update.url);
  return sameFile && a.update.version === b.update.version;
}

function isVersionOfUpdater(text: string): boolean {
  return isVersion(text.replace(/^v+/, ''));
}

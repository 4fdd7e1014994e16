import Type, { type Static } from 'typebox';
import type { PublicKey } from '../../protocol/minisign.ts';
import { formatPublicKeyForTauri } from '../../protocol/minisign-signer.ts';
import { API_ROOT, routes } from '../../protocol/routes.ts';
import { matches } from '../../protocol/validate.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';

/** A config to merge into a Tauri configuration (RFC 7396), so that the app gets its updates from this machine. */
export interface DevOverlay {
  readonly bundle: {
    readonly createUpdaterArtifacts: false; // so that a build with these settings cannot be published by mistake
  };
  readonly plugins: {
    readonly updater: {
      readonly pubkey: string;
      readonly endpoints: readonly string[];
      readonly dangerousInsecureTransportProtocol: true; // release builds refuse http without it
    };
  };
}

/** The name of the file. Tauri does not read a file of this name by itself. */
export const OVERLAY_NAME = 'tauri.synckit-ota-dev.conf.json';

const Updater = Type.Object({ pubkey: Type.String(), endpoints: Type.Array(Type.String()) });
const Overlay = Type.Object({ plugins: Type.Object({ updater: Updater }) });

const LOOPBACK_ENDPOINT = new RegExp(`^http://127\\.0\\.0\\.1:\\d+${API_ROOT}/`);

/** @param server the base URL: `http://127.0.0.1:4680` */
export function devOverlay(server: string, slug: string, publicKey: PublicKey): DevOverlay {
  return overlayOf(formatPublicKeyForTauri(publicKey), server + endpointPath(slug));
}

/** Whether a file holds nothing but such an overlay, so that it may be overwritten. */
export function isDevOverlay(text: string): boolean {
  const { pubkey = '', endpoints: [endpoint = ''] = [] } = parseOverlay(text) ?? {};
  return LOOPBACK_ENDPOINT.test(endpoint) && text === formatOverlay(overlayOf(pubkey, endpoint));
}

export function formatOverlay(overlay: DevOverlay): string {
  return `${JSON.stringify(overlay, undefined, 2)}\n`;
}

function overlayOf(pubkey: string, endpoint: string): DevOverlay {
  return {
    bundle: { createUpdaterArtifacts: false },
    plugins: { updater: { pubkey, endpoints: [endpoint], dangerousInsecureTransportProtocol: true } },
  };
}

/** api.md, "Tauri Integration", with the query of the extension `platforms`, which older updaters do not fill in. */
function endpointPath(slug: string): string {
  const path = routes.check.path.replace('{slug}', slug).replace(/\{(\w+)\}/g, '{{$1}}');
  return `${path}?bundle_type={{bundle_type}}`;
}

function parseOverlay(text: string): Static<typeof Updater> | undefined {
  try {
    const value: unknown = parseBoundedJson(text);
    return matches(Overlay, value) ? value.plugins.updater : undefined;
  } catch {
    return undefined;
  }
}

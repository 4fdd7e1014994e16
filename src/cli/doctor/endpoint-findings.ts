import type { Platform, Target } from '../../protocol/platform.ts';
import { staticFault } from '../../publish/next-hop/check-next-hop.ts';
import {
  checkPathOf,
  displayEndpoint,
  fillEndpoint,
  pathFault,
} from '../../publish/next-hop/endpoint-url.ts';
import { isLoopback } from '../../runtime/network/loopback.ts';
import type { UpdaterConfig } from '../../tauri/project/tauri-config.ts';
import type { Finding } from './finding.ts';

/** What the updater fills in. */
const PLACEHOLDERS: readonly string[] = ['target', 'arch', 'current_version', 'bundle_type'];

/** A platform of each system, to ask as. */
export const SAMPLE_PLATFORMS: Readonly<Record<Target, Platform>> = {
  linux: { target: 'linux', arch: 'x86_64' },
  darwin: { target: 'darwin', arch: 'aarch64' },
  windows: { target: 'windows', arch: 'x86_64' },
};

/** What is wrong with an endpoint, without asking it. */
export function endpointFindings(endpoint: string, updater: UpdaterConfig, system: Target): Finding[] {
  const shown = displayEndpoint(endpoint);
  const fault = staticFault(endpoint, updater);
  if (fault !== undefined) {
    const isHttp = URL.canParse(endpoint) && new URL(endpoint).protocol === 'http:';
    return [
      {
        id: isHttp ? 'project.http_endpoint' : 'project.endpoint_placeholders',
        code: 'preflight_refused',
        cause: `the endpoint ${shown}: ${fault}`,
        fix: isHttp
          ? 'Serve it by https, and write https there.'
          : 'Write it as an absolute https URL with {{target}}/{{arch}}/{{current_version}}.',
      },
    ];
  }
  return [...httpFindings(endpoint), ...placeholderFindings(endpoint, system)];
}

function httpFindings(endpoint: string): Finding[] {
  const url = new URL(endpoint);
  if (url.protocol !== 'http:' || isLoopback(url)) return [];
  return [
    {
      id: 'project.http_endpoint',
      code: undefined,
      cause: `the endpoint ${displayEndpoint(endpoint)} is asked unencrypted: anyone on the way can withhold updates`,
      fix: 'Serve it by https, and remove dangerousInsecureTransportProtocol.',
    },
  ];
}

function placeholderFindings(endpoint: string, system: Target): Finding[] {
  const readable = endpoint.replaceAll('%7B', '{').replaceAll('%7D', '}');
  const unknown = [...readable.matchAll(/\{\{([^{}]*)\}\}/g)]
    .map(([, name = '']) => name)
    .filter((name) => !PLACEHOLDERS.includes(name));
  const question = { platform: SAMPLE_PLATFORMS[system], version: '1.0.0' };
  const url = fillEndpoint(endpoint, question);
  const shown = displayEndpoint(endpoint);
  const causes = [
    ...unknown.map((name) => `{{${name}}} in it is no placeholder of the updater`),
    ...(url === undefined
      ? ['its placeholders make no URL']
      : [pathFault(endpoint, url, question) ?? []].flat()),
  ];
  const isOurs = url !== undefined && checkPathOf(url) !== undefined;
  return causes.map((cause) => ({
    id: 'project.endpoint_placeholders',
    code: 'preflight_refused',
    cause: `the endpoint ${shown}: ${cause}`,
    fix: isOurs
      ? 'End it with /api/sync/ota/SLUG/{{target}}/{{arch}}/{{current_version}}, exactly so.'
      : `The updater fills in ${PLACEHOLDERS.map((name) => `{{${name}}}`).join(', ')} and nothing else.`,
  }));
}

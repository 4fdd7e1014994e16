import { shownUrl } from '../../client/shown-url.ts';
import type { ProxySettings } from '../../client/transport/proxy-settings.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from '../options/option-errors.ts';

/** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, as curl reads them: lower case first, and an empty value is ignored. */
export function readProxies(environment: Environment, errors: OptionErrors): ProxySettings {
  const [, bypass = ''] = find('NO_PROXY', environment) ?? [];
  return {
    http: readProxy('HTTP_PROXY', environment, errors),
    https: readProxy('HTTPS_PROXY', environment, errors),
    bypass: bypass.split(/[\s,]+/).filter((entry) => entry !== ''),
  };
}

/** An error does not repeat the value, which may hold a password. */
function readProxy(variable: string, environment: Environment, errors: OptionErrors): URL | undefined {
  const found = find(variable, environment);
  if (found === undefined) return undefined;
  const [name, value] = found;
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || shownUrl(text) === undefined) {
    errors.add(
      `${name} is not the URL of an http(s) proxy: set it like http://proxy.example:3128, with / ? # @ : and % in a user or password percent-encoded`,
    );
    return undefined;
  }
  if (!isDecodable(url.username) || !isDecodable(url.password)) {
    errors.add(`${name} has a % in its user or password that is not escaped: write it as %25`);
    return undefined;
  }
  return url;
}

function find(variable: string, environment: Environment): [name: string, value: string] | undefined {
  for (const name of [variable.toLowerCase(), variable]) {
    const value = environment[name]?.trim();
    if (value) return [name, value];
  }
  return undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

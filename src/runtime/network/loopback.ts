import { type AddressKind, addressKind } from './internal-address.ts';

export function isLoopback(url: URL): boolean {
  return /^(.+\.)?localhost\.?$/.test(url.hostname) || (isOnlyLocal(url) && !isUnspecified(url));
}

/** Whether no other machine can use a URL: it is on loopback, or on an address that is only for listening. */
export function isOnlyLocal(url: URL): boolean {
  return /^(.+\.)?localhost\.?$/.test(url.hostname) || addressKindOf(url) === 'this_machine';
}

/** Whether a URL can be used on its own machine or network only: loopback, a private address, a name without a domain. */
export function isInternal(url: URL): boolean {
  return (
    isOnlyLocal(url) ||
    addressKindOf(url) !== undefined ||
    /^[^.:[\]]+\.?$/.test(url.hostname) ||
    /\.(local|internal|lan|home\.arpa|svc)\.?$/.test(url.hostname)
  );
}

export function isLinkLocal(url: URL): boolean {
  return addressKindOf(url) === 'link_local';
}

function isUnspecified({ hostname }: URL): boolean {
  return hostname === '0.0.0.0' || hostname === '[::]';
}

function addressKindOf({ hostname }: URL): AddressKind {
  return addressKind(hostname.replace(/^\[|\]$/g, ''));
}

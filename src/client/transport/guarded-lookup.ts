import dns, { type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { type AddressKind, addressKind } from '../../runtime/network/internal-address.ts';
import { isInternal } from '../../runtime/network/loopback.ts';
import { unsafeUrl } from '../handed-out-url.ts';

/**
 * Resolves the names of hosts that a server sent this machine to. What the name of a host does not show, its addresses
 * do: that it is in a network that the server is not in, or gives out the credentials of a cloud.
 */
export class GuardedLookup {
  readonly #server: URL;
  readonly #lookup: LookupFunction;
  #isServerInternal: boolean;

  constructor(server: URL, lookup: LookupFunction = dns.lookup) {
    this.#server = server;
    this.#lookup = lookup;
    this.#isServerInternal = isInternal(server);
  }

  /** For hosts that were named by the user, such as the server. */
  readonly trusted: LookupFunction = (hostname, options, callback) => {
    this.#lookup(hostname, options, (error, addresses, family) => {
      if (hostname === this.#server.hostname) this.#isServerInternal ||= kindsOf(addresses).some(Boolean);
      callback(error, addresses, family);
    });
  };

  /** For hosts that the server named. Gives an OtaError `not_the_api` for a name that it should not have named. */
  readonly handedOut: LookupFunction = (hostname, options, callback) => {
    this.#lookup(hostname, options, (error, addresses, family) => {
      const isRefused = hostname !== this.#server.hostname && kindsOf(addresses).some(this.#isUnsafe);
      const message = `${this.#server.origin} leads to ${hostname}, which is a name for an address inside a network`;
      callback(isRefused ? unsafeUrl(message, 'internal') : error, addresses, family);
    });
  };

  readonly #isUnsafe = (kind: AddressKind): boolean =>
    kind === 'link_local' || (kind !== undefined && !this.#isServerInternal);
}

function kindsOf(addresses: string | LookupAddress[] | undefined): AddressKind[] {
  return [addresses ?? []].flat().map((each) => addressKind(typeof each === 'string' ? each : each.address));
}

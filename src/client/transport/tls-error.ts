import { errorCode } from '../../runtime/error-details.ts';

/** Why no encrypted connection is possible, which no retry changes. */
export interface TlsFault {
  /** Whether a client that accepts any certificate could connect all the same. */
  readonly isCertificate: boolean;
  /** Completes "https://updates.example.com …". */
  readonly fault: string;
  readonly hint: string;
}

const TRUST_IT =
  "give Node the certificate authority's file in NODE_EXTRA_CA_CERTS=/path/to/ca.pem, and run the command again.";
const CHECK_CLOCK = "Renew the server's certificate, or set this machine's clock.";
const INCOMPLETE = `If it is from a public authority, let the server send its intermediate certificates too; else ${TRUST_IT}`;
const OWN_AUTHORITY = `If you know the authority, or it is a proxy's that inspects TLS, ${TRUST_IT}`;

const untrusted = (fault: string, hint: string): TlsFault => ({
  isCertificate: true,
  fault: `has a certificate that is not trusted: ${fault}`,
  hint,
});

const NO_TLS: TlsFault = {
  isCertificate: false,
  fault: 'does not speak TLS at this port',
  hint: 'If it is a server without encryption, use http:// for it; else check the port.',
};

/** By the codes of Node's "X509 certificate error codes" and of OpenSSL. */
const FAULTS: Readonly<Record<string, TlsFault>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted(
    'it is self-signed',
    'If it is yours, give Node its file in NODE_EXTRA_CA_CERTS=/path/to/certificate.pem, and run the command again.',
  ),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted('its authority is unknown', OWN_AUTHORITY),
  UNABLE_TO_GET_ISSUER_CERT: untrusted('its authority is unknown', INCOMPLETE),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted('its authority is unknown', INCOMPLETE),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted('its authority is unknown', INCOMPLETE),
  CERT_UNTRUSTED: untrusted('its authority is not trusted for servers', OWN_AUTHORITY),
  CERT_REJECTED: untrusted('its authority is not trusted for servers', OWN_AUTHORITY),
  INVALID_CA: untrusted('its authority may not issue certificates', OWN_AUTHORITY),
  INVALID_PURPOSE: untrusted('it is not for servers', 'Give the server a certificate for TLS servers.'),
  CERT_REVOKED: untrusted('it was revoked', 'Give the server a new certificate.'),
  CERT_SIGNATURE_FAILURE: untrusted('its signature is invalid', 'Give the server a new certificate.'),
  CERT_CHAIN_TOO_LONG: untrusted('its chain is too long', 'Shorten the chain that the server sends.'),
  PATH_LENGTH_EXCEEDED: untrusted('its chain is too long', 'Shorten the chain that the server sends.'),
  CERT_HAS_EXPIRED: untrusted('it has expired', CHECK_CLOCK),
  CERT_NOT_YET_VALID: untrusted('it is not valid yet', CHECK_CLOCK),
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted(
    'it is for another host',
    'Use a name that is in the certificate, or give the server a certificate for this one.',
  ),
  HOSTNAME_MISMATCH: untrusted(
    'it is for another host',
    'Use a name that is in the certificate, or give the server a certificate for this one.',
  ),
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ...Object.fromEntries(
    [
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
      'ERR_SSL_TLSV1_ALERT_INSUFFICIENT_SECURITY',
      'ERR_SSL_DH_KEY_TOO_SMALL',
      'ERR_SSL_EE_KEY_TOO_SMALL',
    ].map((code) => [
      code,
      {
        isCertificate: false,
        fault: 'and this machine have no version or cipher of TLS in common',
        hint: 'Let the server offer TLS 1.2 or 1.3 with current ciphers.',
      },
    ]),
  ),
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: {
    isCertificate: false,
    fault: 'has no certificate for this host name',
    hint: 'Check the host name, or set the server up for it.',
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: {
    isCertificate: false,
    fault: 'asks for a certificate of the client',
    hint: 'Client certificates are not supported: give CI a way to the server that needs none.',
  },
};

/**
 * What is wrong with the other side's certificate or TLS; undefined for any other error.
 * @param inTunnel text instead of TLS may then come from the proxy, which is no fault of the server's
 */
export function findTlsFault(
  error: unknown,
  { inTunnel = false }: { readonly inTunnel?: boolean } = {},
): TlsFault | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = errorCode(cause) ?? '';
    if (!Object.hasOwn(FAULTS, code) || (inTunnel && FAULTS[code] === NO_TLS)) continue;
    return FAULTS[code] && withNames(FAULTS[code], cause);
  }
  return undefined;
}

/** With the hosts that a certificate is for, where Node says them. */
function withNames(known: TlsFault, { message }: Error): TlsFault {
  const names = /not in the cert's altnames: (.+)$/.exec(message)?.[1];
  return names === undefined ? known : { ...known, fault: `${known.fault} (${names})` };
}

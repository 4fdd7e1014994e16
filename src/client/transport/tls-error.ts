import { errorCode } from '../../runtime/error-details.ts';

/** Why no encrypted connection is possible. */
export interface TlsFault {
  /** Whether a retry may help: the server is at fault for a moment, or is being set up. */
  readonly mayPass?: true;
  /** Whether a client that accepts any certificate could connect all the same. */
  readonly isCertificate: boolean;
  /** Completes "https://updates.example.com …". */
  readonly fault: string;
  readonly hint: string;
}

const TRUST_IT =
  "give Node the certificate authority's file in NODE_EXTRA_CA_CERTS=/path/to/ca.pem, and run the command again.";
const CHECK_CLOCK = "Renew the server's certificate, or set this machine's clock.";
const CHECK_OWN_CLOCK =
  "Set this machine's clock, which is probably behind; else correct the server's certificate.";
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

const NOTHING_IN_COMMON: TlsFault = {
  isCertificate: false,
  fault: 'and this machine have no version or cipher of TLS in common',
  hint: 'Let the server offer TLS 1.2 or 1.3 with current ciphers.',
};

const NO_SUCH_NAME: TlsFault = {
  isCertificate: false,
  fault: 'has no certificate for this host name',
  hint: 'Check the host name, or set the server up for it.',
};

/** What Caddy and other servers in Go answer to a host name that they have no certificate for, or not yet. */
const FAILED: TlsFault = {
  isCertificate: false,
  mayPass: true,
  fault: 'failed to set up TLS, perhaps without a certificate for this host name',
  hint: "Check the host name and the server's log of TLS. If it is just getting its certificate, run the same command again.",
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
  CERT_NOT_YET_VALID: untrusted('it is not valid yet', CHECK_OWN_CLOCK),
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
  ERR_SSL_UNSUPPORTED_PROTOCOL: NOTHING_IN_COMMON,
  ERR_SSL_DH_KEY_TOO_SMALL: NOTHING_IN_COMMON,
  ERR_SSL_EE_KEY_TOO_SMALL: NOTHING_IN_COMMON,
};

/** By the name of TLS's alert, with which a server refuses (RFC 8446, section 6.2). */
const ALERTS: Readonly<Record<string, TlsFault>> = {
  PROTOCOL_VERSION: NOTHING_IN_COMMON,
  INSUFFICIENT_SECURITY: NOTHING_IN_COMMON,
  HANDSHAKE_FAILURE: {
    isCertificate: false,
    fault:
      'refuses TLS: it and this machine have no version or cipher of TLS in common, or it asks for a certificate of the client',
    hint: 'Let the server offer TLS 1.2 or 1.3 with current ciphers, and ask for no certificate, as those of clients are not supported.',
  },
  UNRECOGNIZED_NAME: NO_SUCH_NAME,
  INTERNAL_ERROR: FAILED,
  NO_APPLICATION_PROTOCOL: {
    isCertificate: false,
    fault: 'does not offer HTTP/1.1',
    hint: 'Let the server accept HTTP/1.1, or check the port.',
  },
  ...Object.fromEntries(
    ['CERTIFICATE_REQUIRED', 'BAD_CERTIFICATE', 'CERTIFICATE_UNKNOWN', 'UNKNOWN_CA', 'NO_CERTIFICATE'].map(
      (name) => [
        name,
        {
          isCertificate: false,
          fault: 'asks for a certificate of the client',
          hint: 'Client certificates are not supported: give CI a way to the server that needs none.',
        },
      ],
    ),
  ),
};

/** What a connection that was up may end with, and what a retry may help against. */
const PASSING =
  /UNEXPECTED_EOF|BAD_RECORD_MAC|USER_CANCELLED|CLOSE_NOTIFY|NO_RENEGOTIATION|APPLICATION_DATA_AFTER/;

/** The fault for a code of OpenSSL, which names alerts differently from version to version. */
function faultOf(code: string): TlsFault | undefined {
  if (Object.hasOwn(FAULTS, code)) return FAULTS[code];
  const [, reason] = /^ERR_SSL_(.+)$/.exec(code) ?? [];
  if (reason === undefined || PASSING.test(reason)) return undefined;
  const alert = reason.replace(/^(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_(?:ALERT_)?/, '');
  if (Object.hasOwn(ALERTS, alert)) return ALERTS[alert];
  const words = alert.toLowerCase().replaceAll('_', ' ');
  const isRefusal = alert !== reason;
  return {
    isCertificate: false,
    fault: isRefusal ? `refuses TLS (${words})` : `does not speak TLS as expected (${words})`,
    hint: "Check the port, and the server's settings and log of TLS.",
  };
}

/**
 * What is wrong with the other side's certificate or TLS; undefined for any other error.
 * @param inTunnel text instead of TLS may then come from the proxy, which is no fault of the server's
 */
export function findTlsFault(
  error: unknown,
  { inTunnel = false }: { readonly inTunnel?: boolean } = {},
): TlsFault | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const fault = faultOf(errorCode(cause) ?? '');
    if (fault === undefined || (inTunnel && fault === NO_TLS)) continue;
    return withNames(fault, cause);
  }
  return undefined;
}

/** With the hosts that a certificate is for, where Node says them. */
function withNames(known: TlsFault, { message }: Error): TlsFault {
  const names = message.split("not in the cert's altnames: ").at(1);
  return names === undefined ? known : { ...known, fault: `${known.fault} (${names})` };
}

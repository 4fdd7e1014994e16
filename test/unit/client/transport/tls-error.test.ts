import { describe, expect, test } from 'vitest';
import { networkError } from '../../../../src/client/transport/network-error.ts';
import { findTlsFault } from '../../../../src/client/transport/tls-error.ts';

const withCode = (code: string, message = 'text of OpenSSL', cause?: Error) =>
  Object.assign(new Error(message, { cause }), { code });

describe('field 5: an error of TLS', () => {
  test.each([
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
  ])('%s means a certificate that can be trusted with NODE_EXTRA_CA_CERTS', (code) => {
    const error = networkError(withCode(code), 'https://updates.example');
    expect(error).toMatchObject({ code: 'usage', hint: expect.stringContaining('NODE_EXTRA_CA_CERTS') });
    expect(error).not.toMatchObject({ message: expect.stringContaining('OpenSSL') });
  });

  test('names the hosts that a certificate is for, also inside the error of a tunnel', () => {
    const message =
      "Hostname/IP does not match certificate's altnames: Host: a. is not in the cert's altnames: DNS:b";
    const inner = withCode('ERR_TLS_CERT_ALTNAME_INVALID', message);
    expect(findTlsFault(withCode('UND_ERR_PRX_TLS', '', inner))?.fault).toContain('another host (DNS:b)');
  });

  test.each([
    ['SELF_SIGNED_CERT_IN_CHAIN', true],
    ['UNABLE_TO_GET_ISSUER_CERT', true],
    ['HOSTNAME_MISMATCH', true],
    ['INVALID_CA', true],
    ['ERR_SSL_WRONG_VERSION_NUMBER', false],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', false], // the client's
  ])('field 2: %s is about the certificate of the other side: %s', (code, isCertificate) => {
    expect(findTlsFault(withCode(code))).toMatchObject({ isCertificate });
  });

  test.each([
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', /no version or cipher/], // of OpenSSL 3.0
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', /no version or cipher/],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', /no version or cipher/],
    ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', /this host name/],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', /certificate of the client/],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /certificate of the client/],
    ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', /HTTP\/1\.1/],
    ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', /refuses TLS \(access denied\)/],
    ['ERR_SSL_UNEXPECTED_MESSAGE', /does not speak TLS as expected \(unexpected message\)/],
  ])('field 12: %s is named, without what OpenSSL prints', (code, message) => {
    const error = networkError(withCode(code), 'https://updates.example');
    expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
    expect(error).not.toMatchObject({ message: expect.stringContaining('OpenSSL') });
  });

  test.each(['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'ERR_SSL_SSL/TLS_ALERT_INTERNAL_ERROR'])(
    '%s may pass, and names what to look at if it does not',
    (code) => {
      const error = networkError(withCode(code), 'https://updates.example');
      expect(error).toMatchObject({ code: 'network', message: expect.stringMatching(/this host name/) });
    },
  );

  test.each([
    'ECONNRESET',
    'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
    'ERR_SSL_UNEXPECTED_EOF_WHILE_READING',
    'UND_ERR_SOCKET',
    'constructor',
  ])('%s may pass, so it stays one of the network', (code) => {
    expect(networkError(withCode(code), 'https://updates.example')).toMatchObject({ code: 'network' });
  });
});

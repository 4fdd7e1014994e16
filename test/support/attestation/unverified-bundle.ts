import { BUNDLE_TYPE, type SigstoreBundle } from '../../../src/protocol/attestation/sigstore-bundle.ts';
import { PAYLOAD_TYPE } from '../../../src/protocol/manifest/envelope.ts';
import { attestedStatement, type EnvelopeFields } from '../publish/signed-envelope.ts';

/** Self-signed, for `https://ci.example/workflow`. */
const CERTIFICATE =
  'MIIBgjCCASigAwIBAgIUU07uu0n1uAvni9xVRxXDmSUadm8wCgYIKoZIzj0EAwIwADAgFw0yNjExMjkyMDU1MDRaGA8yMTI2MTEwNTIwNTUwNFowADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEao99rlP+YnIQoUy5nbTldX083jpSTRfhqv/6Xj95UM1PLFnaHNKcqJtRdSUA/Tn/TVZxvnXRwuBsDKGjkcRSOjfjB8MB0GA1UdDgQWBBSl0jwth2cxOD0MIwzU9BAiqDTiwTAfBgNVHSMEGDAWgBSl0jwth2cxOD0MIwzU9BAiqDTiwTAPBgNVHRMBAf8EBTADAQH/MCkGA1UdEQEB/wQfMB2GG2h0dHBzOi8vY2kuZXhhbXBsZS93b3JrZmxvdzAKBggqhkjOPQQDAgNIADBFAiEA4SubsNIN7jP6UANB7qcMu4N+j7u5pNzlN8FaB1z7IiwCICzxSf/Fqhmhtkmb4HxyfKAqUcQOH2IDbKGU4Dm8u1HA';

/** A bundle as the server stores it, which does not find out that nothing of it verifies. */
export function unverifiedBundle(fields: EnvelopeFields, signature = 'c2lnbmF0dXJl'): SigstoreBundle {
  return {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: { certificate: { rawBytes: CERTIFICATE } },
    dsseEnvelope: {
      payload: Buffer.from(attestedStatement(fields)).toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: signature }],
    },
  };
}

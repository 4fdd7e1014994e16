import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly file: string;
}

export interface CertificateOptions {
  /** The host it is for. */
  readonly host?: string;
  /** The time it is valid, as in `20200101000000Z`; the next two days when absent. */
  readonly valid?: readonly [from: string, to: string];
}

/** Makes a self-signed certificate with openssl, in a new folder of this name. */
export function makeCertificate(
  folder: string,
  { host = 'localhost', valid }: CertificateOptions = {},
): Certificate {
  mkdirSync(join(folder, 'new'), { recursive: true });
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key'];
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  if (valid === undefined) openssl('req', '-x509', ...key, ...names, '-days', '2', '-out', 'cert');
  else {
    openssl('req', '-new', ...key, ...names, '-out', 'request');
    writeFileSync(join(folder, 'index'), '');
    writeFileSync(join(folder, 'serial'), '01\n');
    writeFileSync(join(folder, 'ca.cnf'), CA_SETTINGS);
    const dates = ['-startdate', valid[0], '-enddate', valid[1]];
    const files = ['-keyfile', 'key', '-in', 'request', '-out', 'cert'];
    openssl('ca', '-batch', '-config', 'ca.cnf', '-selfsign', '-notext', ...files, ...dates);
  }
  const file = join(folder, 'cert');
  return { cert: readFileSync(file), key: readFileSync(join(folder, 'key')), file };
}

const CA_SETTINGS = `[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = new
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
`;

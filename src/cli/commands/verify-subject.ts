import { statSync } from 'node:fs';
import { parseBundles, type SigstoreBundle } from '../../protocol/attestation/sigstore-bundle.ts';
import { parseBundle } from '../../protocol/manifest/envelope.ts';
import { versionOfTag } from '../../protocol/version.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { readServer, readTextFile } from '../options/remote-options.ts';
import type { VerifyOptions } from './verify-command.ts';

/** What is verified: a version on a server; or what was signed, in files, by itself or with a file of the release. */
export type VerifySubject =
  | { readonly kind: 'live'; readonly version: string; readonly slug: string; readonly server: URL }
  | {
      readonly kind: 'offline';
      readonly version: string | undefined;
      readonly file: string | undefined;
      /** An in-toto bundle. */
      readonly manifest: string | undefined;
      readonly bundles: readonly SigstoreBundle[] | undefined;
    };

export function readSubject(
  text: string,
  options: VerifyOptions,
  errors: OptionErrors,
): VerifySubject | undefined {
  const isFile = statSync(text, { throwIfNoEntry: false })?.isFile() ?? false;
  const version = isFile ? undefined : versionOfTag(text);
  if (version === undefined && !isFile) {
    errors.add(`${text} is neither a version nor an existing file`);
    return undefined;
  }
  if (options.manifest !== undefined || options.attestation !== undefined) {
    return { kind: 'offline', version, file: isFile ? text : undefined, ...readSigned(options, errors) };
  }
  if (version === undefined) return readSignedFile(text, errors);
  const { slug } = options;
  if (!slug) errors.add('no slug given: pass --slug');
  const server = readServer(options.server, errors);
  return server && slug ? { kind: 'live', version, slug, server } : undefined;
}

type Signed = Pick<Extract<VerifySubject, { kind: 'offline' }>, 'manifest' | 'bundles'>;

function readSigned(
  { manifest: manifestFile, attestation: file }: VerifyOptions,
  errors: OptionErrors,
): Signed {
  const manifest = manifestFile && errors.attempt(() => readTextFile(manifestFile, '--manifest'));
  const text = file && errors.attempt(() => readTextFile(file, '--attestation'));
  const bundles = text ? parseBundles(text) : undefined;
  if (text && bundles === undefined) errors.add(`--attestation ${file} is no Sigstore bundle of a release`);
  return { manifest, bundles };
}

function readSignedFile(file: string, errors: OptionErrors): VerifySubject | undefined {
  const text = readSmall(file) ?? '';
  const bundles = parseBundles(text);
  const manifest = bundles === undefined && parseBundle(text).length > 0 ? text : undefined;
  if (bundles !== undefined || manifest !== undefined) {
    return { kind: 'offline', version: undefined, file: undefined, manifest, bundles };
  }
  errors.add(
    `${file} is no manifest: to verify a file of a release, pass its manifest with --manifest, or its attestation with --attestation`,
  );
  return undefined;
}

function readSmall(file: string): string | undefined {
  try {
    return readTextFile(file, 'the file');
  } catch {
    return undefined; // too large, or no text
  }
}

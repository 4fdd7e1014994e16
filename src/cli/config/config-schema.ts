import Type, { type Static } from 'typebox';
import { CreateReleaseRequest } from '../../protocol/messages.ts';

/** A value of `tauri build --config`: a path, or the configuration itself. */
const Overlay = Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())]);
export type Overlay = Static<typeof Overlay>;

/**
 * The settings of a config file. Never a token, nor headers, which may be secret. A `title` is what an editor shows, a
 * `description` completes "must be …" in messages.
 */
export const Settings = Type.Object(
  {
    $schema: Type.Optional(Type.String({ title: 'The schema of this file, for editors' })),
    server: Type.Optional(
      Type.String({
        title: 'Base URL of the server, without /api/sync/ota (as --server)',
        examples: ['https://updates.example.com'],
      }),
    ),
    app: Type.Optional(Type.String({ title: 'Id of the app (as --app)' })),
    slug: Type.Optional(
      Type.String({ title: 'Name of the app in the URLs that installed copies ask at (as --slug)' }),
    ),
    pubkey: Type.Optional(
      Type.String({
        title: 'minisign public key of the app, or a file with it, relative to this one (as --pubkey)',
      }),
    ),
    manifestKey: Type.Optional(
      Type.String({
        title: 'Secret key that manifests are signed with: a path, relative to this file (as --manifest-key)',
        description: 'a path of a minisign secret key',
      }),
    ),
    manifestDays: Type.Optional(
      Type.Union([Type.Integer(), Type.String()], {
        title: 'How long a manifest is valid (as --manifest-days)',
        description: 'a number of days, or a duration like 1y',
        examples: [365, '1y'],
      }),
    ),
    concurrency: Type.Optional(
      Type.Integer({ title: 'Uploads at the same time (as --concurrency)', examples: [4] }),
    ),
    wait: Type.Optional(
      Type.String({
        title: 'How long a request that fails for a passing reason is tried again (as --wait)',
        examples: ['5m'],
      }),
    ),
    artifacts: Type.Optional(
      Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        title: 'Files by platform, as patterns relative to this file (as --artifact)',
        minProperties: 1,
        description: 'an object of platforms, like linux-x86_64, and patterns of files',
        examples: [{ 'linux-x86_64': 'dist/*_{version}_amd64.AppImage' }],
      }),
    ),
    expect: Type.Optional(
      Type.Array(Type.String(), {
        title: 'Platforms without which a release does not go live (as --expect)',
        minItems: 1,
        description: 'a list of platforms, like linux-x86_64',
        examples: [['linux-x86_64', 'windows-x86_64', 'darwin-universal']],
      }),
    ),
    channel: CreateReleaseRequest.properties.channel,
    config: Type.Optional(
      Type.Union([Overlay, Type.Array(Overlay)], {
        title: 'What `tauri build --config` was given; a path is relative to this file (as --config)',
        description: 'a path, an object, or a list of these, as given to `tauri build --config`',
      }),
    ),
  },
  { additionalProperties: false },
);
export type Settings = Static<typeof Settings>;

/** Where the package has the published form of the schema. */
export const CONFIG_SCHEMA_FILE = 'docs/reference/config.schema.json';

/** The schema as JSON Schema, for editors and other tools. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#', // what editors know
    title: 'synckit-ota.config.json',
    ...JSON.parse(JSON.stringify(Settings)),
  };
}

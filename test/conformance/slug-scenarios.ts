import { expect } from 'vitest';
import { type Scenario, scenario, step } from './scenario.ts';
import { sha256, type World } from './world.ts';

const malformed = [
  ['of two characters', 'ab'],
  ['of 41 characters', 'a'.repeat(41)],
  ['that is empty', ''],
  ['with an upper-case letter', 'My-app'],
  ['with an underscore', 'my_app'],
  ['with a dot', 'my.app'],
  ['with a slash', 'my/app'],
  ['with a space', 'my app'],
  ['with a line end', 'my-app\n'],
  ['with a letter that is not ASCII', 'mÿ-app'],
  ['that begins with a hyphen', '-my-app'],
  ['that ends with a hyphen', 'my-app-'],
] as const;

const reserved = ['apps', 'download', 'downloads', 'latest', 'admin', 'api'];

/** api.md, "Register a Slug". */
export const slugScenarios: readonly Scenario[] = [
  scenario('a slug of three characters and one of forty can be set, and then the first again', [
    step((w) => w.setSlug(w.slug.padEnd(40, 'x')), { status: 200 }),
    step((w) => w.setSlug(w.slug), { status: 200 }),
    step((w) => w.setSlug(w.slug), { status: 200 }),
  ]),
  scenario(
    'setting a slug is answered with the slug',
    [
      step(
        (w) => w.setSlug(w.slug),
        (w) => ({ status: 200, is: { slug: w.slug } }),
      ),
    ],
    'ours',
  ),
  ...malformed.map(([what, slug]) =>
    scenario(`a slug ${what} is refused`, [
      step((w) => w.setSlug(slug), {
        status: 400,
        problem: { code: 'invalid_request', fields: ['slug'] },
      }),
    ]),
  ),
  ...reserved.map((slug) =>
    scenario(
      `the slug ${slug} is reserved`,
      [
        step((w) => w.setSlug(slug), {
          status: 422,
          problem: { code: 'slug_reserved', fields: ['slug'] },
        }),
      ],
      'ours',
    ),
  ),
  scenario(
    'a slug that belongs to another app is refused, and that app keeps it',
    [
      step((w) => w.publish(1), { status: 200 }),
      step(
        (w) => {
          const { id, token } = w.credentials.otherApp;
          return w.call('PUT', `/apps/${id}/slug`, { token, json: { slug: w.slug } });
        },
        { status: 409, problem: { code: 'slug_taken' } },
      ),
      step((w) => w.check('linux/x86_64', w.v(0)), { status: 200 }),
    ],
    'credentials',
  ),
  scenario(
    'a previous slug of the app still works, and returns URLs with the current one',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.setSlug(`${w.slug}-next`), { status: 200 }),
      step(
        (w) => w.check('linux/x86_64', w.v(0)),
        (w) => ({
          status: 200,
          has: {
            version: w.v(1),
            url: `${w.target.publicUrl}/api/sync/ota/${w.slug}-next/download/${w.releaseId(1)}/linux/x86_64`,
          },
        }),
      ),
      step(
        (w) => w.check('linux/x86_64', w.v(0), `${w.slug}-next`),
        (w) => ({ status: 200, has: { version: w.v(1) } }),
      ),
      step((w) => w.download(1), { status: 302 }),
      step((w) => w.setSlug(w.slug), { status: 200 }),
      step(
        (w) => w.check('linux/x86_64', w.v(0), `${w.slug}-next`),
        (w) => ({ status: 200, has: { version: w.v(1) } }),
      ),
    ],
    'ours',
  ),
  scenario(
    'an app’s id, name, slug and public key can be read, but not its tokens',
    [
      step(
        (w) => w.appCall('GET', ''),
        (w) => ({
          status: 200,
          is: {
            id: w.target.app.id,
            name: expect.any(String),
            slug: w.slug,
            pubkey: null,
            scopes: expect.any(Array),
            token_expires_at: null,
          },
          hasNot: ['"token"', 'hash', 'sko_'],
        }),
      ),
    ],
    'app',
  ),
  scenario(
    'an app’s releases can be read together with it, in the order of the list, drafts included',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.createRelease(2, { draft: true }), { status: 201 }),
      step((w) => w.keep(w.appCall('GET', '/releases')), { status: 200 }),
      step(
        (w) => w.appCall('GET', '?include=releases'),
        (w) => ({
          status: 200,
          has: { id: w.target.app.id, slug: w.slug, releases: JSON.parse(w.kept.body.toString()) },
        }),
      ),
      step((w) => w.appCall('GET', '?include=tokens'), {
        status: 400,
        problem: { code: 'invalid_request', fields: ['include'] },
      }),
    ],
    'app',
    'draft',
  ),
  scenario(
    'field 3: an app is read with what the token allows',
    [
      step((w) => w.appCall('GET', '', { token: w.credentials.readOnly }), {
        status: 200,
        has: { scopes: ['release:read'] },
      }),
    ],
    'ours',
    'credentials',
  ),
  scenario(
    'field 3: the files of a version that was live are listed once it is deleted, also while it is a draft again',
    [
      step((w) => w.publish('1+5'), { status: 200 }),
      step(
        (w) => w.appCall('GET', '?include=releases'),
        (w) => ({
          status: 200,
          hasNot: [`"version":"${w.v(1)}"`],
        }),
      ),
      step((w) => w.delete('1+5'), { status: 204 }),
      ...[undefined, { draft: true }].flatMap((draft) => [
        ...(draft ? [step((w: World) => w.createRelease('1+6', draft), { status: 201 })] : []),
        step(
          (w: World) => w.appCall('GET', '?include=releases'),
          (w) => ({
            status: 200,
            has: {
              deleted: expect.arrayContaining([
                {
                  version: w.v(1),
                  target: 'linux',
                  arch: 'x86_64',
                  bundle_type: null,
                  channel: 'stable',
                  signing_key_id: null,
                  embedded_pubkey: null,
                  sha256: sha256(w.bytes('1+5')),
                },
              ]),
            },
          }),
        ),
      ]),
      step((w) => w.appCall('GET', ''), { status: 200, hasNot: ['deleted'] }),
    ],
    'ours',
    'draft',
  ),
  scenario(
    'the server’s name and extensions can be read without a token',
    [
      step((w) => w.call('GET', ''), {
        status: 200,
        is: {
          name: 'synckit-ota',
          version: expect.any(String),
          extensions: expect.arrayContaining(['artifact-signature', 'app']),
          public_url: expect.stringMatching(/^https?:\/\/.*[^/]$/),
          limits: expect.objectContaining({ artifact_size: expect.any(Number), json_body: 64 * 1024 }),
        },
      }),
    ],
    'ours',
  ),
];

import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { formatKeyId, formatPublicKey } from '../../src/protocol/minisign.ts';
import { generateSigningKeyPair, signFile } from '../../src/protocol/minisign-signer.ts';
import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import { LINUX, MAC, type World } from './world.ts';

const [OLD, NEW] = [generateSigningKeyPair(), generateSigningKeyPair()];
type Key = typeof OLD;

const idOf = ({ publicKey }: Key) => formatKeyId(publicKey.keyId);
const invalid = (...fields: string[]): Expectation => ({
  status: 400,
  problem: { code: 'invalid_request', fields },
});
const wouldStrand = (platform = 'linux-x86_64'): Expectation => ({
  status: 422,
  problem: { code: 'would_strand', fields: [platform] },
});

function signatureOf(w: World, patch: number | string, key: Key): string {
  const blake2b512 = createHash('blake2b512').update(w.bytes(patch)).digest();
  return signFile(key, { blake2b512, fileName: 'app', version: w.v(patch) }, new Date(0));
}

interface Release {
  readonly patch: number;
  readonly signedWith: Key;
  readonly carries: Key;
  readonly requires?: number;
  readonly platforms?: readonly string[];
  readonly fields?: object;
}

/** A draft with its files, as `publish` makes it. */
const drafts = ({
  patch,
  signedWith,
  carries,
  requires,
  platforms = [LINUX],
  fields = {},
}: Release): Step[] => [
  step(
    (w) =>
      w.createRelease(patch, {
        draft: true,
        channel: w.channel,
        signature: signatureOf(w, patch, signedWith),
        signing_key_id: idOf(signedWith),
        embedded_pubkey: formatPublicKey(carries.publicKey),
        ...(requires !== undefined && { requires: w.v(requires) }),
        ...fields,
      }),
    { status: 201, has: { signing_key_id: idOf(signedWith) } },
  ),
  ...platforms.flatMap((platform) => [
    step((w) => w.requestUpload(patch, platform), { status: 201 }),
    step((w) => w.put(patch, platform), { status: 200, byStore: true }),
  ]),
];
const publishes = (release: Release): Step[] => [
  ...drafts(release),
  step((w) => w.publishDraft(release.patch), { status: 200, has: { status: 'published' } }),
];
const offers = (current: number | string, patch: number, platform = LINUX): Step =>
  step(
    (w) => w.check(platform, w.v(current), w.slug, w.channel),
    (w) => ({ status: 200, has: { version: w.v(patch) } }),
  );
const offersNothing = (current: number): Step =>
  step((w) => w.check(LINUX, w.v(current), w.slug, w.channel), { status: 204 });

const corrects = (patch: number, { publicKey }: Key, expected: Expectation, fields: object = {}): Step =>
  step(
    (w) =>
      w.updateRelease(patch, {
        embedded_pubkey: formatPublicKey(publicKey),
        replace_embedded_pubkey: true,
        ...fields,
      }),
    expected,
  );

const rotation = [
  ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
  ...publishes({ patch: 2, signedWith: OLD, carries: NEW }),
  ...publishes({ patch: 3, signedWith: NEW, carries: NEW }),
];

/** Extension `key-routing`. */
export const keyScenarios: readonly Scenario[] = [
  scenario(
    'after a key rotation each version is led over the release that hands over, as is one that is not known',
    [...rotation, offers(1, 2), offers('2-rc.1', 2), offers(2, 3), offersNothing(3)],
    'key-routing',
    'draft',
  ),
  scenario(
    'the keys and the required version of a release are in its responses',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      step(
        (w) => w.createRelease(2, { embedded_pubkey: formatPublicKey(NEW.publicKey), requires: w.v(1) }),
        (w) => ({ status: 201, has: { embedded_pubkey: formatPublicKey(NEW.publicKey), requires: w.v(1) } }),
      ),
      step((w) => w.delete(2), { status: 204 }),
    ],
    'key-routing',
    'draft',
  ),
  scenario(
    'older versions are led over a stepping stone first',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      ...publishes({ patch: 2, signedWith: OLD, carries: OLD }),
      ...publishes({ patch: 3, signedWith: OLD, carries: OLD, requires: 2 }),
      offers('1-rc.1', 2),
      offers(1, 2),
      offers(2, 3),
      offersNothing(3),
    ],
    'key-routing',
    'draft',
  ),
  scenario(
    'a release that installed versions could not verify stays a draft, unless versions may be stranded',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      ...drafts({ patch: 2, signedWith: NEW, carries: NEW }),
      step((w) => w.publishDraft(2), wouldStrand()),
      offersNothing(1),
      step((w) => w.appCall('POST', `/releases/${w.releaseId(2)}/publish?allow_stranding=true`), {
        status: 200,
        has: { status: 'published' },
      }),
      offersNothing(1),
    ],
    'key-routing',
    'draft',
  ),
  scenario(
    'a draft that goes live by itself does not where it would strand versions, unless it was created to',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      ...drafts({ patch: 2, signedWith: NEW, carries: NEW, fields: { expect: ['linux-x86_64'] } }),
      offersNothing(1),
      step((w) => w.publishDraft(2), wouldStrand()),
      ...drafts({
        patch: 3,
        signedWith: NEW,
        carries: NEW,
        fields: { expect: ['linux-x86_64'], allow_stranding: true },
      }),
      offersNothing(1),
      offers('0-0', 3),
    ],
    'key-routing',
    'expect',
    'own-storage',
  ),
  scenario(
    'the release that hands over can be neither yanked nor deleted while versions need it',
    [
      ...rotation,
      step((w) => w.updateRelease(2, { status: 'yanked' }), wouldStrand()),
      step((w) => w.delete(2), wouldStrand()),
      offers(1, 2),
      step((w) => w.updateRelease(3, { status: 'yanked' }), { status: 200 }),
      step((w) => w.updateRelease(3, { status: 'published' }), { status: 200 }),
      step((w) => w.updateRelease(2, { status: 'yanked', allow_stranding: true }), {
        status: 200,
        has: { status: 'yanked' },
      }),
      offersNothing(1),
      offers(2, 3),
      step((w) => w.updateRelease(2, { status: 'published' }), { status: 200 }),
      offers(1, 2),
      step((w) => w.appCall('DELETE', `/releases/${w.releaseId(2)}?allow_stranding=true`), { status: 204 }),
      offersNothing(1),
      offers(2, 3),
    ],
    'key-routing',
    'draft',
    'yank',
  ),
  scenario(
    'a file that would strand versions is not added to a release that is live',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD, platforms: [LINUX, MAC] }),
      ...publishes({ patch: 2, signedWith: OLD, carries: NEW, platforms: [LINUX] }),
      ...publishes({ patch: 3, signedWith: NEW, carries: NEW, platforms: [LINUX] }),
      step((w) => w.requestUpload(3, MAC), wouldStrand('darwin-aarch64')),
      offersNothing(3),
      offers('0-0', 1, MAC),
    ],
    'key-routing',
    'draft',
  ),
  scenario(
    'a file that is signed with another key than its release names is refused',
    [
      ...drafts({ patch: 1, signedWith: OLD, carries: OLD, platforms: [] }),
      step((w) => w.requestUpload(1, LINUX, { signature: signatureOf(w, 1, NEW) }), {
        status: 422,
        problem: { code: 'wrong_signing_key', fields: ['signature'] },
      }),
      step((w) => w.requestUpload(1, LINUX, { signature: 'of no minisign key' }), {
        status: 422,
        problem: { code: 'wrong_signing_key', fields: ['signature'] },
      }),
      step((w) => w.requestUpload(1, LINUX, { signature: signatureOf(w, 1, OLD) }), { status: 201 }),
    ],
    'key-routing',
    'draft',
  ),
  scenario(
    'the key that a build carries can be said later, once',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.updateRelease(1, { embedded_pubkey: formatPublicKey(OLD.publicKey) }), {
        status: 200,
        has: { embedded_pubkey: formatPublicKey(OLD.publicKey) },
      }),
      step((w) => w.updateRelease(1, { embedded_pubkey: formatPublicKey(OLD.publicKey) }), { status: 200 }),
      step((w) => w.updateRelease(1, { embedded_pubkey: formatPublicKey(NEW.publicKey) }), {
        status: 409,
        problem: { code: 'immutable' },
      }),
    ],
    'key-routing',
    'yank',
  ),
  scenario(
    'a version that was live and deleted comes back with the key that its build carries, and with no other',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      ...publishes({ patch: 2, signedWith: OLD, carries: NEW, platforms: [LINUX, MAC] }),
      step((w) => w.delete(2), { status: 204 }),
      step((w) => w.createRelease(2, { embedded_pubkey: formatPublicKey(OLD.publicKey) }), {
        status: 409,
        problem: { code: 'immutable', fields: ['embedded_pubkey'] },
      }),
      step((w) => w.createRelease(2, { draft: true, channel: w.channel }), {
        status: 201,
        has: { embedded_pubkey: formatPublicKey(NEW.publicKey) },
      }),
      corrects(2, OLD, { status: 200, has: { embedded_pubkey: formatPublicKey(OLD.publicKey) } }),
      step((w) => w.delete(2), { status: 204 }),
      ...publishes({ patch: 2, signedWith: OLD, carries: OLD }),
      offers(1, 2),
    ],
    'key-routing',
    'draft',
    'yank',
  ),
  scenario(
    'a key that a version had none of before it was deleted counts for all of its platforms',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD, platforms: [LINUX, MAC] }),
      ...publishes({
        patch: 2,
        signedWith: OLD,
        carries: OLD,
        platforms: [LINUX, MAC],
        fields: { embedded_pubkey: null },
      }),
      step((w) => w.delete(2), { status: 204 }),
      ...publishes({ patch: 2, signedWith: OLD, carries: NEW }),
      step(
        (w) => w.appCall('GET', '?include=releases'),
        (w) => ({
          status: 200,
          has: {
            deleted: expect.arrayContaining([
              expect.objectContaining({
                version: w.v(2),
                target: 'darwin',
                embedded_pubkey: formatPublicKey(NEW.publicKey),
              }),
            ]),
          },
        }),
      ),
    ],
    'key-routing',
    'draft',
    'app',
  ),
  scenario(
    'a wrong key of a build is corrected where the request says so, and versions are led by it at once',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      ...publishes({ patch: 2, signedWith: OLD, carries: NEW }),
      step((w) => w.updateRelease(2, { embedded_pubkey: formatPublicKey(OLD.publicKey) }), {
        status: 409,
        problem: { code: 'immutable' },
      }),
      corrects(2, OLD, { status: 200, has: { embedded_pubkey: formatPublicKey(OLD.publicKey) } }),
      ...publishes({ patch: 3, signedWith: OLD, carries: OLD }),
      offers(1, 3),
      offers(2, 3),
    ],
    'key-routing',
    'draft',
    'yank',
  ),
  scenario(
    'the key of a build is neither corrected nor recorded where versions would lose their way by it',
    [
      ...rotation,
      corrects(2, OLD, wouldStrand()),
      offers(1, 2),
      offers(2, 3),
      corrects(2, OLD, { status: 200 }, { allow_stranding: true }),
      offers(1, 2),
      offersNothing(2),
      corrects(2, NEW, { status: 200 }),
      offers(2, 3),
    ],
    'key-routing',
    'draft',
    'yank',
  ),
  scenario(
    'a key that was not known is not recorded either where versions would lose their way by it',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      ...publishes({ patch: 2, signedWith: OLD, carries: OLD, fields: { embedded_pubkey: null } }),
      ...publishes({ patch: 3, signedWith: OLD, carries: OLD }),
      step((w) => w.updateRelease(2, { embedded_pubkey: formatPublicKey(NEW.publicKey) }), wouldStrand()),
      offers(2, 3),
      step((w) => w.updateRelease(2, { embedded_pubkey: formatPublicKey(OLD.publicKey) }), { status: 200 }),
    ],
    'key-routing',
    'draft',
    'yank',
  ),
  scenario(
    'a correction counts together with a status that is changed by the same request',
    [
      ...publishes({ patch: 1, signedWith: OLD, carries: OLD }),
      ...publishes({ patch: 2, signedWith: OLD, carries: OLD }),
      ...publishes({ patch: 3, signedWith: OLD, carries: OLD }),
      corrects(2, NEW, wouldStrand(), { status: 'yanked' }),
      step((w) => w.updateRelease(2, { status: 'yanked' }), { status: 200 }),
      corrects(2, NEW, wouldStrand()),
      offers(2, 3),
    ],
    'key-routing',
    'draft',
    'yank',
  ),
  scenario(
    'invalid keys and required versions are refused',
    [
      step((w) => w.createRelease(1, { signing_key_id: 'abc' }), invalid('signing_key_id')),
      step((w) => w.createRelease(1, { embedded_pubkey: 'no key' }), invalid('embedded_pubkey')),
      step((w) => w.createRelease(1, { embedded_pubkey: '' }), invalid('embedded_pubkey')),
      step((w) => w.createRelease(1, { requires: '1.0' }), invalid('requires')),
      step((w) => w.createRelease(1, { requires: w.v(1) }), invalid('requires')),
      step((w) => w.createRelease(1, { requires: w.v(2) }), invalid('requires')),
      step((w) => w.createRelease(1, { allow_stranding: 'yes' }), invalid('allow_stranding')),
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.updateRelease(1, { replace_embedded_pubkey: 1 }), invalid('replace_embedded_pubkey')),
    ],
    'key-routing',
  ),
];

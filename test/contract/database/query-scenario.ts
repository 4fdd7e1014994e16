import type { Database } from '../../../src/database/database.ts';
import { acceptedKeysOf, strandedByChange } from '../../../src/database/queries/app-files.ts';
import { limitsOf, recountUsage, setLimits } from '../../../src/database/queries/app-limits.ts';
import {
  appContents,
  createAppWithToken,
  deleteApp,
  findApp,
  findAppsCalled,
  freeSlug,
  listApps,
  renameApp,
  requiresApproval,
  setAppKey,
  setApproval,
  setAutoPause,
  setCohortFallback,
  setMinimumVersion,
  setRequireBoundSignatures,
  setSlug,
  setTrustedOnly,
} from '../../../src/database/queries/apps.ts';
import {
  filesOfVersion,
  knownDigests,
  leaseDigest,
  saveDigest,
} from '../../../src/database/queries/artifact-digests.ts';
import {
  completeArtifact,
  createPendingArtifact,
  deletedFilePage,
  deletedFiles,
  findDownload,
  findStoredFile,
  findUpload,
  forgetDeleted,
  forgetExpiredUploads,
  isComplete,
  listDeleting,
} from '../../../src/database/queries/artifacts.ts';
import { addAttempts, countConversions, readConversions } from '../../../src/database/queries/attempts.ts';
import { auditHead, listAudit, recordRefusal } from '../../../src/database/queries/audit.ts';
import { nameAuditedRows } from '../../../src/database/queries/audited-rows.ts';
import { backupIdentity, forgetBackup, recordBackup } from '../../../src/database/queries/backup-record.ts';
import {
  isCopyUnderWay,
  recordCopyDone,
  recordCopyStarted,
  requireNoUnfinishedCopy,
} from '../../../src/database/queries/copy-state.ts';
import { exchangeKeys, leaveExchange } from '../../../src/database/queries/count-keys.ts';
import { countsOf, forgetOldCounts, mergeCounts, readCounts } from '../../../src/database/queries/counts.ts';
import { forgetKinds, recordedKinds } from '../../../src/database/queries/default-kinds.ts';
import { shownFiles, shownReleases } from '../../../src/database/queries/download-page.ts';
import { exportedApps, holdExport, releaseExport } from '../../../src/database/queries/exported-apps.ts';
import { cohortRule } from '../../../src/database/queries/held-releases.ts';
import { issuerRecords } from '../../../src/database/queries/issuer-keys.ts';
import { everySlug, everyVersion } from '../../../src/database/queries/known-apps.ts';
import { lastSeen, recordSeen } from '../../../src/database/queries/last-seen.ts';
import {
  findListed,
  highestPublished,
  listPlaces,
  listReleases,
  listVersions,
} from '../../../src/database/queries/list-releases.ts';
import {
  listComparedFiles,
  listLostFiles,
  lostBefore,
  markLost,
  unmarkLost,
} from '../../../src/database/queries/lost-files.ts';
import { findOfferingApp, offersRevision } from '../../../src/database/queries/offers.ts';
import { saveOperatorLink, takeOperatorLink } from '../../../src/database/queries/operator-link.ts';
import {
  endDrop,
  forgetOrphans,
  isRecordedOrphan,
  keepFile,
  newStorageKey,
  queueDropped,
  takeDropped,
  takeOrphans,
} from '../../../src/database/queries/orphans.ts';
import {
  acquireLease,
  findResumableUpload,
  findUploadState,
  isMultipartGrant,
  recordMultipart,
  releaseAllLeases,
  releaseLease,
  renewLease,
  takeDuePolls,
  uploadRefusal,
} from '../../../src/database/queries/pending-uploads.ts';
import { promoteRelease } from '../../../src/database/queries/promote-release.ts';
import { pruneAudit } from '../../../src/database/queries/prune-audit.ts';
import {
  publishReadyDrafts,
  publishRelease,
  updateRelease,
} from '../../../src/database/queries/publish-release.ts';
import {
  artifactStatusOf,
  countStore,
  hasRecords,
  recordedFiles,
} from '../../../src/database/queries/recorded-files.ts';
import { readOutstanding } from '../../../src/database/queries/release-files.ts';
import { releasePolicy } from '../../../src/database/queries/release-policy.ts';
import {
  createRelease,
  deleteRelease,
  findVersion,
  recordContributor,
} from '../../../src/database/queries/releases.ts';
import { readAllFiles } from '../../../src/database/queries/routed-files.ts';
import { saveScrubState, scrubState } from '../../../src/database/queries/scrub-state.ts';
import { databaseId } from '../../../src/database/queries/settings.ts';
import {
  importAudit,
  readSnapshot,
  replaceRows,
  type Snapshot,
} from '../../../src/database/queries/snapshot.ts';
import {
  findPublicRelease,
  statementIds,
  statementsOf,
  statementText,
  storeStatement,
} from '../../../src/database/queries/statements.ts';
import { bindStorage, rebindStorage } from '../../../src/database/queries/storage-binding.ts';
import { beginRenewal, confirmRenewal, recordLost } from '../../../src/database/queries/storage-ownership.ts';
import { storeGauges } from '../../../src/database/queries/store-gauges.ts';
import { storeHistory } from '../../../src/database/queries/store-history.ts';
import { requireStoredNames } from '../../../src/database/queries/stored-names.ts';
import { hasEnded, mayGoLive } from '../../../src/database/queries/token-rights.ts';
import {
  createToken,
  findTokenStillValid,
  findTokensCalled,
  findValidToken,
  forgetTokensOfJobs,
  listTokens,
  readTokenUses,
  recordTokenUses,
  revokeTokens,
} from '../../../src/database/queries/tokens.ts';
import {
  addTrustedPublisher,
  exchangeIdentity,
  forgetUsedIdentities,
  listTrustedPublishers,
  removeTrustedPublisher,
} from '../../../src/database/queries/trusted-publishers.ts';
import {
  replaceUrlSigningKeys,
  rotateUrlSigningKeys,
  urlSigningKeys,
} from '../../../src/database/queries/url-signing-keys.ts';
import { verifyAudit } from '../../../src/database/queries/verify-audit.ts';
import {
  findLiveVersion,
  pauseWatched,
  releaseSigns,
  signsBefore,
  watchedReleases,
} from '../../../src/database/queries/watched-releases.ts';
import {
  listDeliveries,
  nextDue,
  pruneDeliveries,
  recordAttempt,
  returnDelivery,
  takeDueDeliveries,
} from '../../../src/database/queries/webhook-deliveries.ts';
import { queueTrouble, queueTroubleIn } from '../../../src/database/queries/webhook-outbox.ts';
import {
  addWebhook,
  disableWebhook,
  enableWebhook,
  findWebhook,
  listWebhooks,
  removeWebhook,
} from '../../../src/database/queries/webhooks.ts';
import { transact } from '../../../src/database/transaction.ts';
import { formatPublicKey } from '../../../src/protocol/minisign.ts';
import { generateSigningKeyPair } from '../../../src/protocol/minisign-signer.ts';
import { HyperLogLog } from '../../../src/protocol/stats/hyperloglog.ts';
import { resolveOffers } from '../../../src/server/update-check/resolve-offers.ts';
import { JOB, publisherOf } from '../../support/identity/trusted-job.ts';
import { signedManifest } from '../../support/publish/signed-envelope.ts';
import { by } from '../../support/server/by.ts';
import { webhookOf } from '../../support/server/new-webhook.ts';
import {
  HOUR,
  keyOf,
  LINUX,
  later,
  MAC,
  NOW,
  SHA_A,
  StoreWithApp,
} from '../../support/server/store-with-app.ts';

type Queries = Database['queries'];

/** Runs every query at least once, on an app of its own. */
export async function runEveryQuery(database: Database, queries: Queries): Promise<void> {
  const store = (await StoreWithApp.in(database, 'other')).on(queries);
  await createToken(queries, { appId: store.appId, name: 'kept', scopes: [], expiresAt: null }, by());
  await administrate(queries);
  await addAppWebhook(queries, store);
  const release = await upload(queries, store);
  await check(queries, store, release);
  await list(queries, store);
  await showPage(queries, store, release);
  await routeByKeys(database, queries);
  await change(queries, store, release);
  await maintain(queries, store);
  await keepManifests(queries, store);
  await keepSettings(queries);
  await count(queries, store);
  await audit(queries, store);
  await notify(queries, store);
  await copy(queries);
}

/** A webhook that gets the rest. */
async function addAppWebhook(queries: Queries, { appId }: StoreWithApp): Promise<void> {
  await addWebhook(queries, webhookOf(appId), by());
}

async function notify(queries: Queries, { appId }: StoreWithApp): Promise<void> {
  const [hook] = await listWebhooks(queries, appId);
  if (hook === undefined) throw new Error('no webhook');
  await findWebhook(queries, hook.id);
  await addWebhook(queries, webhookOf(null), by());
  await queueTrouble(queries, { kind: 'disk_full', state: 'began', detail: 'd' }, NOW);
  await nextDue(queries);
  await storeGauges(queries);
  const due = { now: later(HOUR), until: later(2 * HOUR), limitOf: () => 3 };
  const [first, second, third] = await takeDueDeliveries(queries, due);
  if (first === undefined || second === undefined || third === undefined) throw new Error('nothing is due');
  await recordAttempt(queries, first, { now: NOW, status: 200, error: null, nextAt: null });
  await recordAttempt(queries, second, { now: NOW, status: 500, error: 'e', nextAt: later(3 * HOUR) });
  await returnDelivery(queries, third);
  for (let i = 0; i < 100; i++)
    await transact(queries, (transaction) =>
      queueTroubleIn(transaction, { kind: 'file_lost', state: 'began', detail: 'd', appId }, NOW),
    );
  await pruneDeliveries(queries, hook.id);
  await listDeliveries(queries, { webhookId: hook.id, limit: 10 });
  await disableWebhook(queries, { id: hook.id, reason: 'r' }, by());
  await enableWebhook(queries, hook.id, by());
  const [removed] = (await listWebhooks(queries)).filter((one) => one.appId === null);
  await removeWebhook(queries, removed?.id ?? '', by());
}

async function administrate(queries: Queries): Promise<void> {
  const token = { name: 't', scopes: [], expiresAt: null };
  const app = { name: 'Exercised', slug: 'exercised', pubkey: 'k' };
  const created = await createAppWithToken(queries, { app, token }, by());
  if (created === 'slug_taken') throw new Error(created);
  const { id: appId } = created.app;
  await findApp(queries, appId);
  await setSlug(queries, { appId, slug: 'renamed' }, by());
  await freeSlug(queries, 'exercised', by());
  await setAppKey(queries, { appId, pubkey: 'other' }, by());
  await setRequireBoundSignatures(queries, { appId, required: false }, by());
  await renameApp(queries, { appId, name: 'Renamed' }, by());
  await findAppsCalled(queries, 'Renamed');
  await appContents(queries, appId);
  await setLimits(queries, { appId, changes: { drafts: 1, slugs: 'default' } }, by());
  await limitsOf(queries, appId, NOW);
  await listApps(queries);
  await findVersion(queries, { appId, version: '1.0.0+x' });
  await findValidToken(queries, created.token, NOW);
  await findTokenStillValid(queries, 'none', NOW);
  await saveOperatorLink(queries, { secret: 'secret', until: later(1) }, by());
  await takeOperatorLink(queries, 'secret', by());
  const { record } = await createToken(queries, { ...token, appId }, by());
  await revokeTokens(queries, { id: record.id }, by());
  await revokeTokens(queries, { appId }, by());
  await setApproval(queries, { appId, approval: true }, by());
  await setApproval(queries, { appId, approval: false }, by());
  await requiresApproval(queries, appId);
  await listTokens(queries);
  await listTokens(queries, appId);
  await findTokensCalled(queries, 't');
  await trust(queries, appId);
  await deleteApp(queries, appId, by());
}

async function trust(queries: Queries, appId: string): Promise<void> {
  const added = await addTrustedPublisher(
    queries,
    { ...publisherOf(appId, JOB.issuer), repositoryId: null },
    by(),
  );
  if (added === 'exists') throw new Error(added);
  await listTrustedPublishers(queries, appId);
  const identity = { publisher: added, job: JOB, jti: 'jti', usableUntil: NOW, scopes: [] };
  await exchangeIdentity(queries, identity, { now: NOW, origin: { address: null, requestId: null } });
  await removeTrustedPublisher(queries, added, by());
  await setTrustedOnly(queries, { appId, only: true }, by());
  const records = issuerRecords(queries);
  await records.start('https://ci.example', 1, 0);
  await records.end('https://ci.example', { jwks: '{}' }, 0);
  await records.find('https://ci.example');
  await forgetUsedIdentities(queries, later(1));
  await forgetTokensOfJobs(queries, later(HOUR), by());
}

async function upload(queries: Queries, store: StoreWithApp) {
  const { appId } = store;
  const releaseId = await store.release('1.0.0');
  await recordContributor(
    queries,
    { id: releaseId, appId: store.appId, version: '1.0.0', provenance: JOB },
    { job: undefined, by: by() },
  );
  const uploadId = await store.grant(releaseId, LINUX, { pollAt: NOW, sha256: SHA_A });
  await findUpload(queries, uploadId);
  await findUploadState(queries, { appId, releaseId, uploadId });
  const announced = { run: { job: 'j', attempt: 1 }, by: by() };
  await recordMultipart(queries, uploadId, {
    ...{ before: null, multipartId: 'm', expiresAt: later(1), announced },
  });
  await isMultipartGrant(queries, uploadId, 'm');
  await findResumableUpload(queries, { releaseId, fileSize: 5, sha256: SHA_A, signature: null, ...LINUX });
  await takeDuePolls(queries, later(1), { limit: 10, after: 'a', delayOf: () => 1000 });
  const acquired = await acquireLease(queries, uploadId, { now: later(1), until: later(2) });
  if (acquired === undefined) throw new Error('no lease');
  const renewed = (await renewLease(queries, acquired, later(3))) ?? acquired;
  const refusal = { code: 'invalid_request', detail: 'd', errors: [] } as const;
  await releaseLease(queries, renewed, { pollAt: NOW, refusal });
  await releaseAllLeases(queries);
  await uploadRefusal(queries, uploadId);
  await isComplete(queries, releaseId, LINUX);
  await completeArtifact(
    queries,
    { id: uploadId, storageKey: keyOf(uploadId), sha256: SHA_A },
    { by: by(), allowVersionReuse: false },
  );
  return { releaseId, uploadId };
}

interface Uploaded {
  readonly releaseId: string;
  readonly uploadId: string;
}

async function check(queries: Queries, { appId }: StoreWithApp, { releaseId, uploadId }: Uploaded) {
  await resolveOffers(queries, {
    appId,
    slug: 'other',
    publicUrl: 'https://updates.example.com',
    now: Date.now(),
  });
  await findOfferingApp(queries, 'other');
  await offersRevision(queries, appId);
  await findDownload(queries, { slug: 'other', releaseId, platform: LINUX });
  await findStoredFile(queries, keyOf(uploadId));
}

async function list(queries: Queries, { appId }: StoreWithApp) {
  await listReleases(queries, appId);
  await listPlaces(queries, appId, { limit: 10, after: '9.0.0' });
  await findListed(queries, appId, '1.0.0');
  await listVersions(queries, appId, ['1.0.0']);
  await highestPublished(queries, { appId, channel: 'stable' }, '2.0.0');
  await deletedFiles(queries, appId, ['1.0.0']);
  await deletedFilePage(queries, appId, { limit: 10, after: undefined });
  await acceptedKeysOf(queries, { appId, pubkey: 'k' });
  await readAllFiles(queries, appId);
}

/** What a download page shows. */
async function showPage(queries: Queries, { appId }: StoreWithApp, { uploadId }: Uploaded) {
  await shownFiles(queries, [uploadId]);
  await shownReleases(queries, appId, { channels: ['stable', 'beta'], limit: 20 });
}

/** Checks of an app that is led by its keys, with an earlier version in another channel. */
async function routeByKeys(database: Database, queries: Queries): Promise<void> {
  const store = (await StoreWithApp.in(database, 'routed')).on(queries);
  const embeddedPubkey = formatPublicKey(generateSigningKeyPair().publicKey);
  for (const [version, channel] of [
    ['0.1.0', 'beta'],
    ['0.2.0', 'stable'],
  ] as const) {
    const release = { appId: store.appId, version, channel, notes: null, signature: 's', embeddedPubkey };
    const created = await createRelease(queries, release, by());
    if (typeof created === 'string') throw new Error(created);
    await store.publish(created.id);
  }
  const { appId } = store;
  await resolveOffers(queries, {
    appId,
    slug: 'routed',
    publicUrl: 'https://updates.example.com',
    now: Date.now(),
  });
}

async function change(queries: Queries, store: StoreWithApp, { releaseId }: Uploaded): Promise<void> {
  const { appId } = store;
  await strandedByChange(queries, appId, { kind: 'withdraw', releaseId, version: '1.0.0' });
  await recordedKinds(queries, { app_id: appId, precedence: '1.0.0' });
  await forgetKinds(queries, { app_id: appId, precedence: '0.0.1' });
  await mayGoLive(queries, ['none'], 'stable');
  await hasEnded(queries, 'none');
  const draft = { appId, notes: null, signature: 's', draft: true } as const;
  const created = await createRelease(queries, { ...draft, version: '2.0.0' }, by());
  const waiting = await createRelease(
    queries,
    { ...draft, version: '3.0.0', expect: ['linux-x86_64'] },
    by(),
  );
  if (typeof created === 'string' || typeof waiting === 'string') throw new Error('taken');
  await store.publish(created.id);
  const pending = { releaseId: created.id, ...MAC, fileSize: 1, sha256: null, signature: null };
  await createPendingArtifact(queries, { ...pending, expiresAt: later(1), pollAt: null }, by());
  await readOutstanding(queries, [created.id], NOW);
  await publishRelease(queries, { appId, releaseId: created.id }, { required: [], expect: [], by: by() });
  await publishReadyDrafts(queries, { by: by(), beforeEach: async () => {} });
  await updateRelease(queries, { appId, releaseId: created.id }, { by: by(), notes: 'n', onlyIfEmpty: true });
  await updateRelease(queries, { appId, releaseId: created.id }, { by: by(), rollout: { percent: 1 } });
  const promotion = {
    by: by(),
    allowStranding: false,
    manifest: [],
    allowOutdatedManifest: false,
    isAccepted: () => false,
  };
  await promoteRelease(
    queries,
    { appId, releaseId: created.id },
    { ...promotion, channel: 'beta', onlyFrom: 'stable' },
  );
  await setCohortFallback(queries, { appId, fallback: 'address' }, by());
  await cohortRule(queries, appId);
  await setMinimumVersion(queries, { appId, version: '1.0.0' }, by());
  const embeddedPubkey = 'RWQA';
  await updateRelease(
    queries,
    { appId, releaseId: created.id },
    { by: by(), status: 'yanked', rolledBack: true, embeddedPubkey },
  );
  await releasePolicy(queries, appId);
  await deleteRelease(queries, { appId, releaseId }, { by: by(), onlyWithArtifacts: 1 });
}

async function maintain(queries: Queries, store: StoreWithApp): Promise<void> {
  const releaseId = await store.release('4.0.0');
  const lost = keyOf(await store.publish(releaseId));
  await listComparedFiles(queries, { after: '', limit: 10 });
  await markLost(queries, [lost], NOW);
  await listLostFiles(queries, 10);
  await lostBefore(queries, NOW);
  await unmarkLost(queries, [lost], NOW);
  await markLost(queries, [lost], NOW);
  const repaired = await store.publish(releaseId); // the same bytes again, in place of the lost ones
  await computeDigests(queries, store.appId, repaired);
  await recordedFiles(queries);
  await artifactStatusOf(queries, lost);
  await countStore(queries);
  await hasRecords(queries);
  await requireStoredNames(queries);
  await forgetExpiredUploads(queries, NOW);
  for (const { id } of await listDeleting(queries)) await forgetDeleted(queries, id);
  await isRecordedOrphan(queries, await newStorageKey(queries, NOW));
  await keepFile(queries, await newStorageKey(queries, NOW));
  const dropped = await newStorageKey(queries, NOW);
  await queueDropped(queries, [{ id: dropped }]);
  await takeDropped(queries, { now: NOW, again: later(1), limit: 10 });
  await endDrop(queries, dropped);
  await forgetOrphans(queries, await takeOrphans(queries, later(1), 10));
  await forgetOrphans(queries, 'all');
}

async function keepManifests(queries: Queries, store: StoreWithApp): Promise<void> {
  const { appId } = store;
  const releaseId = await store.release('5.0.0');
  for (const createdAt of ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']) {
    const stored = signedManifest({ version: '5.0.0', releaseId, createdAt });
    const actor = { kind: 'token', id: 'token', name: null, address: null, requestId: null } as const;
    await storeStatement(queries, { appId, releaseId, ...stored }, { ...by(), actor });
  }
  await statementsOf(queries, releaseId, { kind: 'manifest', isAccepted: () => true });
  await findPublicRelease(queries, { slug: 'my-app', version: '5.0.0' });
  for (const id of await statementIds(queries, releaseId, 'manifest')) await statementText(queries, id);
}

const REASON = { kind: 'loops', of: 100, count: 50, text: 'half of them' } as const;

async function count(queries: Queries, { appId }: StoreWithApp): Promise<void> {
  const times = { period: '2026-03', generation: 'g', endsAt: NOW.getTime() };
  const attempt = { appId, version: '1.0.0', platform: 'linux-x86_64', ...times, sketch: new HyperLogLog() };
  const me = { id: 'me', publicKey: 'k', now: NOW, periods: ['2026-03'] };
  const key = { period: '2026-03', nodeId: 'me', generation: 'g', sealed: null };
  await exchangeKeys(queries, me, () => ({ writes: [key], result: undefined }));
  await exchangeKeys(queries, { ...me, id: 'other', now: later(HOUR), periods: ['2026-04'] }, () => ({
    writes: [],
    result: undefined,
  }));
  await leaveExchange(queries, 'other');
  for (const kind of ['downloaded', 'running'] as const) {
    const sketch = new HyperLogLog();
    for (let client = 0; client < 20; client++) sketch.add(client * 2 ** 20, client);
    const cell = { appId, kind, version: '1.0.0', platform: 'linux-x86_64', generation: 'g', sketch };
    await mergeCounts(queries, [{ ...cell, period: '2026-03', periodEnd: later(HOUR).getTime() }]);
  }
  await readCounts(queries, { appId, since: '2026-03', version: '1.0.0' });
  await countsOf(queries, 'g');
  await addAttempts(queries, [attempt, attempt]);
  await countConversions(queries, new Date(NOW.getTime() + HOUR), () => true);
  await countConversions(queries, later(4 * HOUR), () => true);
  await countConversions(queries, later(24 * HOUR), () => true);
  await readConversions(queries, appId, '1.0.0');
  await findLiveVersion(queries, { slug: 'my-app', precedence: '1.0.0' });
  await setAutoPause(queries, { appId, change: { isOn: true } }, by());
  const held = { appId, version: '7.0.0', notes: null, signature: 's', rollout: { percent: 1 } };
  await createRelease(queries, held, by());
  for (const release of await watchedReleases(queries, NOW)) {
    await releaseSigns(queries, appId, release.precedence);
    await signsBefore(queries, release);
    await pauseWatched(queries, release, { reason: REASON, by: by() });
    const { releaseId } = release;
    await updateRelease(queries, { appId, releaseId }, { by: by(), paused: false });
  }
  await everySlug(queries);
  await everyVersion(queries);
  await forgetOldCounts(queries, NOW);
}

async function computeDigests(queries: Queries, appId: string, artifactId: string): Promise<void> {
  await filesOfVersion(queries, { appId, version: '4.0.0' });
  const key = { artifactId, algorithm: 'sha512' } as const;
  await leaseDigest(queries, key, { now: 1, until: 2 });
  await leaseDigest(queries, key, { now: 3, until: 4 });
  await saveDigest(queries, key, 'ab');
  await knownDigests(queries, [artifactId], 'sha512');
}

async function audit(queries: Queries, { appId }: StoreWithApp): Promise<void> {
  await recordRefusal(queries, { by: by(), action: 'request.refused', appId });
  await listAudit(queries, { limit: 10 });
  await listAudit(queries, { appId, since: NOW, limit: 10 });
  await auditHead(queries);
  await pruneAudit(queries, { olderThan: later(2 * 24 * HOUR), by: by(later(2 * 24 * HOUR)) });
  await verifyAudit(queries);
  await nameAuditedRows(queries);
  await recordTokenUses(queries, [{ tokenId: 'token', usedAt: 1 }]);
  await readTokenUses(queries);
}

async function keepSettings(queries: Queries): Promise<void> {
  await databaseId(queries);
  await bindStorage(queries, 'disk');
  await rebindStorage(queries, { place: 'disk', from: null }, by());
  const lease = { now: NOW, until: later(1) };
  const renewal = await beginRenewal(queries, 'nonce', lease);
  if (renewal === undefined) throw new Error('renewed by another');
  await confirmRenewal(queries, renewal, { ...lease, instance: 'i' });
  await recordLost(queries, 'taken');
  const keys = urlSigningKeys(queries, () => NOW);
  await keys.find((await keys.current()).id);
  await rotateUrlSigningKeys(queries, 1, NOW);
  await rotateUrlSigningKeys(queries, 1, later(10));
  await rotateUrlSigningKeys(queries, 1, later(20));
  await recordSeen(queries, NOW);
  await exportedApps(queries);
  await holdExport(queries, { holder: 'a', now: NOW, lifeMs: 1000 });
  await releaseExport(queries, 'a');
  await lastSeen(queries);
  await saveScrubState(queries, { after: '', startedAt: 0, isFinished: false });
  await scrubState(queries);
  await replaceUrlSigningKeys(queries, later(1), by());
}

async function copy(queries: Queries): Promise<void> {
  await recordCopyStarted(queries, NOW);
  await isCopyUnderWay(queries, NOW);
  await transact(queries, (transaction) => recordCopyDone(transaction, 'digest', by()));
  await requireNoUnfinishedCopy(queries);
  await recordBackup(queries, NOW);
  await backupIdentity(queries);
  await storeHistory(queries);
  await forgetBackup(queries, by());
  const isUndone = new Error('rolled back');
  const twice = queries.transaction().execute(async (transaction) => {
    await importAudit(transaction, transaction, await readSnapshot(transaction));
  });
  await twice.then(
    () => Promise.reject(new Error('the log was imported into itself')),
    () => {}, // it has these entries
  );
  await queries.transaction().execute(recountUsage);
  const replaced = queries.transaction().execute(async (transaction) => {
    await replaceRows(transaction, oneOfEach(await readSnapshot(transaction)));
    throw isUndone;
  });
  await replaced.catch((error) => {
    if (error !== isUndone) throw error;
  });
}

/** The first release of the first app, with what belongs to it. */
function oneOfEach(all: Snapshot): Snapshot {
  const { apps, slugs, tokens, releases, artifacts, statements, published_bytes } = all;
  const release = releases.find(({ status }) => status === 'published');
  const ofApp = (row: { readonly app_id: string | null }) => row.app_id === release?.app_id;
  return {
    ...all,
    apps: apps.filter(({ id }) => id === release?.app_id),
    app_limits: [{ app_id: release?.app_id ?? '', name: 'drafts', value: 1 }],
    slugs: slugs.filter(ofApp),
    tokens: tokens.slice(0, 1).map((token) => ({ ...token, app_id: release?.app_id ?? '' })),
    trusted_publishers: all.trusted_publishers
      .slice(0, 1)
      .map((row) => ({ ...row, app_id: release?.app_id ?? '' })),
    used_identities: all.used_identities.slice(0, 1),
    webhooks: all.webhooks.slice(0, 1).map((row) => ({ ...row, app_id: release?.app_id ?? '' })),
    webhook_deliveries: all.webhook_deliveries.filter(({ webhook_id }) => webhook_id === all.webhooks[0]?.id),
    releases: releases.filter(({ id }) => id === release?.id),
    statements: statements
      .slice(0, 1)
      .map((row) => ({ ...row, app: release?.app_id ?? '', release_id: release?.id ?? '' })),
    artifacts: artifacts.filter(({ release_id }) => release_id === release?.id),
    published_bytes: published_bytes.filter(ofApp).slice(0, 1),
  };
}

import { describe, expect, test } from 'vitest';
import { setApproval } from '../../../src/database/queries/apps.ts';
import {
  bytesOf,
  LINUX,
  MAC,
  Publisher,
  requireStatus,
  startServer,
} from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';

async function startWithApproval(): Promise<{ owner: Publisher; ci: Publisher }> {
  const server = await startServer();
  const owner = await Publisher.on(server);
  await setApproval(server.database.queries, { appId: owner.id, approval: true }, by());
  const scopes = ['release:read', 'release:upload', 'release:publish'];
  return { owner, ci: owner.with(await server.createToken(owner.id, { scopes })) };
}

const create = async (app: Publisher, body: object) =>
  requireStatus(await app.send('POST', '/releases', { body: { signature: 's', ...body } }), 201).json();

async function upload(app: Publisher, releaseId: string, platform = LINUX) {
  const bytes = bytesOf('1.0.0', platform);
  return app.put(await app.requestUpload(releaseId, bytes.length, platform), bytes);
}

const publish = (app: Publisher, releaseId: string) => app.send('POST', `/releases/${releaseId}/publish`);

describe('an app that requires approval', () => {
  test.each([
    ['as api.md creates it', {}],
    ['that is no draft', { draft: false }],
    ['that is a draft', { draft: true }],
    ['that expects platforms', { expect: ['linux-x86_64'] }],
  ])('has no release go live by itself %s', async (_, fields) => {
    const { owner, ci } = await startWithApproval();
    const { id } = await create(ci, { version: '1.0.0', ...fields });
    expect((await upload(ci, id)).json()).toMatchObject({ went_live: false });
    expect(await owner.offered()).toBeUndefined();
    expect((await owner.send('GET', '/releases')).json()).toMatchObject([
      { status: 'draft', awaits_approval: true },
    ]);
    const refused = await publish(ci, id);
    expect(refused.json()).toMatchObject({ status: 403, code: 'approval_required' });
    expect(await owner.offered()).toBeUndefined();
    requireStatus(await publish(owner, id), 200);
    expect(await owner.offered()).toBe('1.0.0');
    expect((await owner.send('GET', '/releases')).json()[0]).not.toHaveProperty('awaits_approval');
  });

  test('lets no token approve a release that it has uploaded a file of', async () => {
    const { owner, ci } = await startWithApproval();
    const { id } = await create(ci, { version: '1.0.0', draft: true });
    requireStatus(await upload(ci, id), 200);
    requireStatus(await upload(owner, id, MAC), 200);
    expect((await publish(owner, id)).json()).toMatchObject({ code: 'approval_required' });
    const scopes = ['release:publish'];
    const third = owner.with(await owner.server.createToken(owner.id, { scopes }));
    requireStatus(await publish(third, id), 200);
  });

  test.each([
    ['its notes', { notes: 'other' }],
    ['who it may strand', { allow_stranding: true }],
  ])('attack approval: lets no token approve a release of which it has changed %s', async (_, body) => {
    const { owner, ci } = await startWithApproval();
    const { id } = await create(ci, { version: '1.0.0', draft: true });
    requireStatus(await upload(ci, id), 200);
    const scopes = ['release:read', 'release:upload', 'release:publish'];
    const editor = owner.with(await owner.server.createToken(owner.id, { scopes }));
    requireStatus(await editor.send('PATCH', `/releases/${id}`, { body }), 200);
    expect((await publish(editor, id)).json()).toMatchObject({ code: 'approval_required' });
    requireStatus(await publish(owner, id), 200);
  });

  test('needs no more than release:upload to create a draft', async () => {
    const { owner } = await startWithApproval();
    const ci = owner.with(await owner.server.createToken(owner.id, { scopes: ['release:upload'] }));
    const { id } = await create(ci, { version: '1.0.0', expect: ['linux-x86_64'] });
    requireStatus(await upload(ci, id), 200);
    expect((await publish(ci, id)).json()).toMatchObject({ code: 'forbidden' });
  });

  test('adds no files to what is live, but repairs them', async () => {
    const { owner, ci } = await startWithApproval();
    const { id } = await create(ci, { version: '1.0.0' });
    requireStatus(await upload(ci, id), 200);
    const body = { ...MAC, file_size: bytesOf('1.0.0', MAC).length };
    const early = requireStatus(await ci.send('POST', `/releases/${id}/artifacts`, { body }), 201).json();
    requireStatus(await owner.send('POST', `/releases/${id}/publish?expect=linux-x86_64`), 200);
    const late = await ci.send('POST', `/releases/${id}/artifacts`, { body });
    expect(late.json()).toMatchObject({ status: 403, code: 'approval_required' });
    expect((await ci.put(early.upload_url, bytesOf('1.0.0', MAC))).statusCode).toBe(403);
    expect(await owner.offered(MAC)).toBeUndefined();
    await owner.server.database.queries.updateTable('artifacts').set({ lost_at: 1 }).execute();
    requireStatus(await upload(ci, id), 200);
    expect(await owner.offered()).toBe('1.0.0');
  });

  test('holds drafts that were there before, and goes on to when it is switched off', async () => {
    const { owner, ci } = await startWithApproval();
    const { queries } = owner.server.database;
    await setApproval(queries, { appId: owner.id, approval: false }, by());
    const { id } = await create(ci, { version: '1.0.0', expect: ['linux-x86_64', 'darwin-aarch64'] });
    requireStatus(await upload(ci, id), 200);
    await setApproval(queries, { appId: owner.id, approval: true }, by());
    await setApproval(queries, { appId: owner.id, approval: false }, by());
    expect((await upload(ci, id, MAC)).json()).toMatchObject({ went_live: false });
    requireStatus(await publish(ci, id), 200);
    expect(await owner.offered()).toBe('1.0.0');
  });

  test('says so to a token that reads it', async () => {
    const { owner } = await startWithApproval();
    expect((await owner.send('GET', '')).json()).toMatchObject({ approval: true });
  });
});

import type { Database } from '../../../src/database/database.ts';
import { createApp } from '../../../src/database/queries/apps.ts';
import {
  completeArtifact,
  createPendingArtifact,
  type NewArtifact,
} from '../../../src/database/queries/artifacts.ts';
import { createRelease } from '../../../src/database/queries/releases.ts';
import type { Platform } from '../../../src/protocol/platform.ts';
import { by } from './by.ts';

export const NOW = new Date('2026-03-13T12:00:00Z');
export const HOUR = 60 * 60 * 1000;
export const later = (milliseconds: number) => new Date(NOW.getTime() + milliseconds);

export const LINUX: Platform = { target: 'linux', arch: 'x86_64' };
export const MAC: Platform = { target: 'darwin', arch: 'aarch64' };
export const SHA_A = 'a'.repeat(64);
export const SHA_B = 'b'.repeat(64);

/** A store with an app in it, and methods for what a test adds first. */
export class StoreWithApp {
  readonly db: Database['queries'];
  readonly appId: string;

  private constructor(db: Database['queries'], appId: string) {
    this.db = db;
    this.appId = appId;
  }

  static async in({ queries }: Database, slug = 'my-app'): Promise<StoreWithApp> {
    const app = await createApp(queries, { name: 'Test', slug }, by());
    if (app === 'slug_taken') throw new Error(`${slug} is taken`);
    return new StoreWithApp(queries, app.id);
  }

  /** An app that a store has. */
  static of(db: Database['queries'], appId: string): StoreWithApp {
    return new StoreWithApp(db, appId);
  }

  /** The same app as another process sees it. */
  on(db: Database['queries']): StoreWithApp {
    return new StoreWithApp(db, this.appId);
  }

  /** @returns the release's id */
  async release(version: string): Promise<string> {
    const { appId } = this;
    const created = await createRelease(
      this.db,
      { appId, version, notes: 'n', signature: 'of release' },
      by(),
    );
    if (typeof created === 'string') throw new Error(`${version} is taken`);
    return created.id;
  }

  /** @returns the upload's id */
  async grant(releaseId: string, platform = LINUX, fields: Partial<NewArtifact> = {}): Promise<string> {
    const artifact = { fileSize: 5, sha256: null, signature: null, expiresAt: later(HOUR), pollAt: null };
    const created = await createPendingArtifact(
      this.db,
      { releaseId, ...platform, ...artifact, ...fields },
      by(),
    );
    if (created === 'release_gone') throw new Error(`${releaseId} is gone`);
    return created.id;
  }

  complete(uploadId: string, sha256 = SHA_A, allowVersionReuse = false) {
    return completeArtifact(
      this.db,
      { id: uploadId, storageKey: keyOf(uploadId), sha256 },
      { by: by(), allowVersionReuse },
    );
  }

  /** @returns the upload's id */
  async publish(releaseId: string, platform = LINUX, sha256 = SHA_A): Promise<string> {
    const uploadId = await this.grant(releaseId, platform);
    const outcome = await this.complete(uploadId, sha256);
    if (outcome !== 'completed') throw new Error(outcome);
    return uploadId;
  }
}

/** The storage key of an upload that `complete` completed. */
export function keyOf(uploadId: string): string {
  return `key-of-${uploadId}`;
}

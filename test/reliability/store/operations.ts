import { setTimeout as sleep } from 'node:timers/promises';
import type { DisturbedStore } from '../../support/faults/disturbed-store.ts';

/** One thing that a client asks for, and what has to be there before. */
export interface Operation {
  readonly name: string;
  /** @returns the request; its promise rejects when it is not answered, or refused */
  prepare(store: DisturbedStore): Promise<() => Promise<void>>;
}

/** How long the server may go on after an answer, in milliseconds: files of deleted releases are removed then. */
const AFTERWARDS_MS = 150;

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'creating a draft',
    async prepare(store) {
      const version = store.newVersion();
      return () => store.create(version);
    },
  },
  {
    name: 'announcing an upload',
    async prepare(store) {
      const version = await store.prepare('draft');
      return () => store.promise(version);
    },
  },
  {
    name: 'uploading a file',
    async prepare(store) {
      const version = await store.prepare('promised');
      return () => store.upload(version);
    },
  },
  {
    name: 'uploading the last file that a draft expects',
    async prepare(store) {
      const version = await store.prepare('promised', { expect: ['linux-x86_64'] });
      return () => store.upload(version, 'live');
    },
  },
  {
    name: 'publishing a draft',
    async prepare(store) {
      const version = await store.prepare('draft with file');
      return () => store.publish(version);
    },
  },
  {
    name: 'yanking a release',
    async prepare(store) {
      const version = await store.prepare('live');
      return () => store.yank(version);
    },
  },
  {
    name: 'deleting a release and its file',
    async prepare(store) {
      const version = await store.prepare('live');
      return async () => {
        await store.delete(version);
        await sleep(AFTERWARDS_MS);
      };
    },
  },
];

import { beforeAll, describe, inject, onTestFinished } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { type ExampleProxy, nginxIsInstalled, startNginx } from '../network/example-proxy.ts';
import { describeOnPostgres, type PostgresServer, useOwnPostgres } from '../postgres/postgres.ts';
import { freePorts } from '../process/free-ports.ts';
import { cephIsInstalled } from '../s3/ceph.ts';
import { CEPH_START_MS, fakeS3Place, placeIn, type S3Place } from '../s3/s3-place.ts';
import { CEPH_BUCKET, sharedCeph } from '../s3/shared-ceph.ts';
import { FleetNode } from './fleet-node.ts';
import { storageOptions } from './storage-options.ts';

const NODES = 3;

/** Several nodes of the built binary, on one PostgreSQL and one bucket, behind nginx. */
export interface Fleet {
  readonly nodes: readonly FleetNode[];
  readonly nginx: ExampleProxy;
  readonly place: S3Place;
  /** The nodes' database, on separate connections. */
  readonly database: Database;
}

export interface FleetSuite {
  readonly postgres: PostgresServer;
  /** Starts a fleet that ends with the test. @param serveArgs further options of each `serve` */
  startFleet(serveArgs?: readonly string[]): Promise<Fleet>;
}

/**
 * Declares tests of a fleet; they are skipped by name if something is not installed. The bucket is in Ceph if that is
 * installed.
 */
export function describeOnFleet(name: string, tests: (suite: FleetSuite) => void): void {
  describe.skipIf(!nginxIsInstalled)('(needs nginx)', () => {
    describeOnPostgres(name, () => {
      const postgres = useOwnPostgres();
      let ceph: string | undefined;
      beforeAll(async () => {
        if (cephIsInstalled) ceph = await sharedCeph(inject('cephFolder'));
      }, CEPH_START_MS);
      tests({
        get postgres() {
          return postgres.server;
        },
        async startFleet(serveArgs = []) {
          const place = ceph ? placeIn(ceph, CEPH_BUCKET) : await fakeS3Place();
          return start(postgres.server, place, serveArgs);
        },
      });
    });
  });
}

async function start(postgres: PostgresServer, place: S3Place, serveArgs: readonly string[]): Promise<Fleet> {
  const url = await postgres.createDatabase();
  const database = await openPostgres({ url });
  onTestFinished(() => database.close());
  const ports = await freePorts(NODES);
  const nginx = await startNginx(ports);
  const args = [
    ...storageOptions(place),
    ...['--public-url', nginx.url.origin, '--trust-proxy', '127.0.0.1'],
    ...serveArgs,
  ];
  const nodes = ports.map((port) => new FleetNode(port, args, { env: { SYNCKIT_OTA_DATABASE: url } }));
  onTestFinished(async () => void (await Promise.all(nodes.map((node) => node.kill()))));
  await Promise.all(nodes.map((node) => node.start()));
  return { nodes, nginx, place, database };
}

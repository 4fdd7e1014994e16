import type { Attribution } from '../../database/attribution.ts';
import type { Database } from '../../database/database.ts';
import { type App, setTrustedOnly } from '../../database/queries/apps.ts';
import {
  addTrustedPublisher,
  listTrustedPublishers,
  removeTrustedPublisher,
} from '../../database/queries/trusted-publishers.ts';
import { OtaError } from '../../errors.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { TrustedPublisher } from '../../protocol/trust/trusted-publisher.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import type { Output } from '../output/output.ts';
import { appCalled } from '../wiring/called.ts';
import { withStore } from '../wiring/open-store.ts';
import type { AppsTrustOptions, AppsUntrustOptions } from './apps-command.ts';
import { type ReadPublisher, readPublisher } from './trust-options.ts';

export async function runAppsTrust(
  options: AppsTrustOptions,
  context: Context,
  reference: string,
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const added = readPublisher(options, errors);
  errors.throwIfAny();
  const effect = added === undefined && options.only === undefined ? 'reads' : 'adds';
  await withStore({ ...options, effect }, context, async (database, by) => {
    const { queries } = database;
    const app = await appCalled(queries, reference, output);
    const { only = app.trustedOnly } = options;
    if (options.only === true && added === undefined) await requireOne(database, app);
    if (added !== undefined) await add(database, { app, added, output, by });
    if (only !== app.trustedOnly) await setTrustedOnly(queries, { appId: app.id, only }, by);
    const publishers = await listTrustedPublishers(queries, app.id);
    output.document({
      app: app.id,
      only,
      publishers: publishers.map(publisherDocument),
    });
    output.result(describe(publishers, only, output));
  });
}

export async function runAppsUntrust(
  options: AppsUntrustOptions,
  context: Context,
  ...[reference, id]: readonly [string, string]
): Promise<void> {
  const { output } = context;
  await withStore({ ...options, effect: 'frees' }, context, async ({ queries }, by) => {
    const app = await appCalled(queries, reference, output);
    if (!(await removeTrustedPublisher(queries, { appId: app.id, id }, by))) {
      throw new OtaError('usage', `the app trusts nothing with the id ${id}`, {
        hint: `\`synckit-ota apps trust ${reference}\` lists the ids.`,
      });
    }
    output.document({ id, removed: true });
    output.result(`Removed ${id}. Its jobs can publish no more.`);
    const left = await listTrustedPublishers(queries, app.id);
    if (app.trustedOnly && left.length === 0) {
      output.warning(
        'nothing can publish this app now: trust another workflow, or pass `apps trust --no-only`',
      );
    }
  });
}

/** Else nothing could publish the app any more. */
async function requireOne({ queries }: Database, app: App): Promise<void> {
  if ((await listTrustedPublishers(queries, app.id)).length > 0) return;
  throw new OtaError('usage', 'the app trusts no workflow, so nothing could publish it with --only', {
    hint: 'Trust one first, or in the same command: --github OWNER/REPOSITORY --workflow FILE.',
  });
}

interface Addition {
  readonly app: App;
  readonly added: ReadPublisher;
  readonly output: Output;
  readonly by: Attribution;
}

async function add({ queries }: Database, { app, added, output, by }: Addition): Promise<void> {
  const publisher = await addTrustedPublisher(queries, { ...added, appId: app.id }, by);
  if (publisher === 'exists') {
    throw new OtaError('conflict', 'the app trusts that already', {
      hint: 'Remove it with `apps untrust` first, to have its ids pinned again or to change its channels.',
    });
  }
  if (added.repositoryId === null || added.ownerId === null) {
    output.note(
      `The ids of ${added.repository} are pinned by its first job that publishes. Pass --repository-id and --owner-id to pin them now${findIds(added)}.`,
    );
  }
}

function findIds({ provider, issuer, repository }: ReadPublisher): string {
  if (provider === 'github') return `: gh api repos/${repository} --jq '.id, .owner.id'`;
  if (provider === 'gitlab') {
    return `: .id and .namespace.id of ${issuer}/api/v4/projects/${encodeURIComponent(repository)}`;
  }
  return '';
}

function describe(
  publishers: readonly TrustedPublisher[],
  only: boolean,
  { columns: width, style }: Output,
): string[] {
  if (publishers.length === 0) return ['The app trusts no workflow: it is published with stored tokens.'];
  return [
    ...formatTable(publishers.map(publisherRow), { header: PUBLISHER_HEADER, width, style }),
    storedInWords(only),
  ];
}

const PUBLISHER_HEADER = ['id', 'provider', 'repository', 'workflow', 'pinned', 'limited to'];

/** As a row of a table: the id, what is trusted, and its limits. */
export function publisherRow({
  id,
  provider,
  repository,
  workflow,
  ...publisher
}: TrustedPublisher): string[] {
  return [id, provider, repository, workflow, idsInWords(publisher), limitsInWords(publisher)];
}

export function storedInWords(only: boolean): string {
  return only ? 'Stored tokens cannot publish (--only).' : 'Stored tokens can publish too.';
}

function idsInWords({ repositoryId, ownerId }: Pick<TrustedPublisher, 'repositoryId' | 'ownerId'>): string {
  if (repositoryId === null || ownerId === null) return 'ids pinned at first use';
  return `ids ${repositoryId}, ${ownerId}`;
}

type Limits = Pick<TrustedPublisher, 'environment' | 'refs' | 'protectedRefs' | 'channels' | 'issuer'>;

function limitsInWords({ environment, refs, protectedRefs, channels, issuer }: Limits): string {
  return [
    ...(environment === null ? [] : [`environment ${environment}`]),
    ...refs,
    ...(protectedRefs ? ['protected refs'] : []),
    ...channels.map((channel) => `channel ${channel}`),
    issuer,
  ].join(', ');
}

export function publisherDocument(publisher: TrustedPublisher) {
  const { id, provider, issuer, repository, workflow, environment, refs, channels, createdAt } = publisher;
  return {
    ...{ id, provider, issuer, repository },
    repository_id: publisher.repositoryId,
    owner_id: publisher.ownerId,
    ...{ workflow, environment, refs },
    protected_refs: publisher.protectedRefs,
    channels,
    created_at: formatTimestamp(createdAt),
  };
}

import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { limitsOf } from '../../database/queries/app-limits.ts';
import {
  type App,
  type AppContents,
  appContents,
  deleteApp,
  freeSlug,
  renameApp,
  setApproval,
  setAutoPause,
  setCohortFallback,
  setMinimumVersion,
  setRequireBoundSignatures,
} from '../../database/queries/apps.ts';
import { listTrustedPublishers } from '../../database/queries/trusted-publishers.ts';
import type { Queries } from '../../database/schema.ts';
import { OtaError } from '../../errors.ts';
import { publicKeyIdOf } from '../../protocol/minisign.ts';
import type { CohortFallback } from '../../protocol/rollout/cohort.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { isVersion, whyNoVersion } from '../../protocol/version.ts';
import type { Context } from '../context.ts';
import { formatCount } from '../format.ts';
import { formatTable } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readName } from '../options/remote-options.ts';
import type { Output } from '../output/output.ts';
import { appCalled } from '../wiring/called.ts';
import { withStore } from '../wiring/open-store.ts';
import { limitRows, limitsDocument } from './app-limits.ts';
import type {
  AppsDeleteOptions,
  AppsFreeSlugOptions,
  AppsRenameOptions,
  AppsSetOptions,
  AppsShowOptions,
} from './apps-command.ts';
import { autoPauseDocument, autoPauseInWords, readAutoPause } from './auto-pause-options.ts';
import { publisherDocument, publisherRow } from './trust.ts';

export async function runAppsSet(
  options: AppsSetOptions,
  context: Context,
  reference: string,
): Promise<void> {
  const { output } = context;
  const { approval, requireBoundSignatures, withoutCohort, minimumVersion } = options;
  const minimum = minimumVersion === 'none' ? null : minimumVersion;
  if (minimum && !isVersion(minimum))
    throw new OtaError('usage', `--minimum-version ${minimum} ${whyNoVersion(minimum)}`, {
      hint: 'Give a version like 1.2.0, or none.',
    });
  const errors = new OptionErrors();
  const autoPause = readAutoPause(options, errors);
  errors.throwIfAny();
  const settings = [approval, requireBoundSignatures, withoutCohort, minimum, autoPause];
  if (settings.every((setting) => setting === undefined)) {
    throw new OtaError('usage', 'nothing to change', {
      hint: 'Pass --approval or --require-bound-signatures, or one of them with --no-, or --without-cohort, --minimum-version or --auto-pause.',
    });
  }
  await withStore({ ...options, effect: 'adds' }, context, async ({ queries }, by) => {
    const { id, name, slug, pubkey } = await appCalled(queries, reference, output);
    if (approval !== undefined) await setApproval(queries, { appId: id, approval }, by);
    if (requireBoundSignatures !== undefined)
      await setRequireBoundSignatures(queries, { appId: id, required: requireBoundSignatures }, by);
    if (withoutCohort !== undefined)
      await setCohortFallback(queries, { appId: id, fallback: withoutCohort }, by);
    if (minimum !== undefined) await setMinimumVersion(queries, { appId: id, version: minimum }, by);
    const rollouts = autoPause && (await setAutoPause(queries, { appId: id, change: autoPause }, by));
    context.output.document({
      ...{ id, name, slug },
      ...(rollouts && { auto_pause: autoPauseDocument(rollouts) }),
      ...(minimum !== undefined && { minimum_version: minimum }),
      ...(withoutCohort !== undefined && { without_cohort: withoutCohort }),
      ...(approval !== undefined && { approval }),
      ...(requireBoundSignatures !== undefined && { require_bound_signatures: requireBoundSignatures }),
    });
    const withoutKey =
      requireBoundSignatures && pubkey === null ? ', once it has a key (`apps set-key`)' : '';
    const changes = [
      approval !== undefined && `Releases of ${name} ${approvalInWords(approval)}.`,
      requireBoundSignatures !== undefined &&
        `Signatures of ${name} ${boundInWords(requireBoundSignatures)}${withoutKey}.`,
      minimum !== undefined && minimumInWords(name, minimum),
      withoutCohort !== undefined && `Apps of ${name} without a cohort ${FALLBACK_IN_WORDS[withoutCohort]}.`,
      rollouts !== undefined && `Rollouts of ${name} ${autoPauseInWords(rollouts)}.`,
    ];
    context.output.result(changes.filter((change) => change !== false));
  });
}

function approvalInWords(approval: boolean): string {
  return approval
    ? 'await approval: somebody with another token than their uploader takes them live with `publish finish`'
    : 'go live when their uploader says so';
}

function minimumInWords(name: string, minimum: string | null): string {
  return minimum === null
    ? `${name} has no minimum version.`
    : `Apps below ${minimum} of ${name} have to update.`;
}

const FALLBACK_IN_WORDS: Readonly<Record<CohortFallback, string>> = {
  hold: 'wait until a release is for everyone',
  address: 'are in one by their address',
};

function boundInWords(required: boolean): string {
  return required ? 'have to name their version' : 'need not name their version';
}

export async function runAppsShow(
  options: AppsShowOptions,
  context: Context,
  reference: string,
): Promise<void> {
  const { output } = context;
  await withStore({ ...options, effect: 'reads' }, context, async ({ queries }, by) => {
    const { app, contents } = await appWithContents(queries, reference, output);
    const { id, name, slug, pubkey, approval, requireBoundSignatures, cohortFallback } = app;
    const { slugs, releases, files, tokens } = contents;
    const keys = pubkey === null ? [] : await acceptedKeysOf(queries, { appId: id, pubkey });
    const created = formatTimestamp(app.createdAt);
    const limits = await limitsOf(queries, id, by.now);
    const publishers = await listTrustedPublishers(queries, id);
    output.document({
      ...{ id, name, slug, slugs, pubkey, approval },
      accepted_pubkeys: keys,
      require_bound_signatures: requireBoundSignatures,
      trusted_only: app.trustedOnly,
      trusted_publishers: publishers.map(publisherDocument),
      without_cohort: cohortFallback,
      minimum_version: app.minimumVersion,
      auto_pause: autoPauseDocument(app.autoPause),
      ...{ releases, files, tokens },
      limits: limitsDocument(limits),
      created_at: created,
    });
    const former = slugs.filter((each) => each !== slug);
    output.result(
      formatTable(
        [
          ['id', id],
          ['name', name],
          ['slug', slug ?? '-'],
          ...(former.length > 0 ? [['former slugs', former.join(', ')]] : []),
          ['keys', pubkey === null ? 'none: uploads are not verified' : keys.map(publicKeyIdOf).join(', ')],
          [
            'approval',
            approval ? 'required: releases await another token than their uploader’s' : 'not required',
          ],
          [
            'signatures',
            pubkey === null ? 'not verified, without a key' : boundInWords(requireBoundSignatures),
          ],
          ['stored tokens', app.trustedOnly ? 'cannot publish (trust --only)' : 'can publish'],
          ...(publishers.length === 0 ? [['trusted workflows', 'none']] : []),
          ...publishers.map((one) => ['trusted workflow', publisherRow(one).slice(1).join(', ')]),
          ...(app.minimumVersion === null ? [] : [['minimum version', app.minimumVersion]]),
          ['rollouts', `apps without a cohort ${FALLBACK_IN_WORDS[cohortFallback]}`],
          ['auto-pause', `releases ${autoPauseInWords(app.autoPause)}`],
          ['releases', releasesInWords(releases)],
          ['files', filesInWords(files)],
          ['tokens', String(tokens)],
          ['created', created],
          ...limitRows(limits),
        ],
        { width: output.columns },
      ),
    );
  });
}

export async function runAppsRename(
  options: AppsRenameOptions,
  context: Context,
  ...[reference, givenName]: readonly [string, string]
): Promise<void> {
  const errors = new OptionErrors();
  const name = readName(givenName, 'app', errors);
  errors.throwIfAny();
  const { output } = context;
  await withStore({ ...options, effect: 'adds' }, context, async ({ queries }, by) => {
    const app = await appCalled(queries, reference, output);
    await renameApp(queries, { appId: app.id, name }, by);
    context.output.document({ id: app.id, name, slug: app.slug });
    context.output.result(`Renamed ${app.name} to ${name}.`);
  });
}

export async function runAppsDelete(
  options: AppsDeleteOptions,
  context: Context,
  reference: string,
): Promise<void> {
  const { output } = context;
  await withStore({ ...options, effect: 'frees' }, context, async ({ queries }, by) => {
    const { app, contents } = await appWithContents(queries, reference, output);
    const whole = `${app.name} (${app.slug ?? app.id}) with ${inWords(contents)}`;
    if (!options.yes) {
      throw new OtaError('usage', `this would delete ${whole}`, {
        hint: 'Nothing was deleted. This cannot be undone: add --yes to delete it.',
      });
    }
    await deleteApp(queries, app.id, by);
    output.document({ id: app.id, deleted: true, reserved_slugs: contents.slugs });
    const reserved =
      contents.slugs.length > 0
        ? ` Still reserved: ${contents.slugs.join(', ')} (see \`apps free-slug\`).`
        : '';
    output.result(`Deleted ${whole}. The server removes the files within an hour.${reserved}`);
  });
}

export async function runAppsFreeSlug(
  options: AppsFreeSlugOptions,
  context: Context,
  slug: string,
): Promise<void> {
  await withStore({ ...options, effect: 'frees' }, context, async ({ queries }, by) => {
    const result = await freeSlug(queries, slug, by);
    if (result === 'in_use') {
      throw new OtaError('conflict', `the slug ${slug} is in use`, {
        hint: 'Give its app another one first (`publish slug`), or delete the app.',
      });
    }
    if (result === 'unknown') {
      throw new OtaError('usage', `the slug ${slug} is free already`, { hint: 'Any app can have it.' });
    }
    context.output.document({ slug, freed: true });
    context.output.result(`Freed the slug ${slug}: any app can have it now.`);
  });
}

async function appWithContents(
  queries: Queries,
  reference: string,
  output: Output,
): Promise<{ readonly app: App; readonly contents: AppContents }> {
  const app = await appCalled(queries, reference, output);
  return { app, contents: await appContents(queries, app.id) };
}

/** `2 releases (1 published, 1 draft), 3 files (7 MB) and 1 token` */
function inWords({ releases, files, tokens }: AppContents): string {
  return `${releasesInWords(releases)}, ${filesInWords(files)} and ${formatCount(tokens, 'token')}`;
}

function releasesInWords(releases: AppContents['releases']): string {
  const counts = Object.entries(releases).filter(([, count]) => count > 0);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const details = counts.map(([status, count]) => `${count} ${status}`).join(', ');
  return formatCount(total, 'release') + (details === '' ? '' : ` (${details})`);
}

function filesInWords({ count, bytes }: AppContents['files']): string {
  return `${formatCount(count, 'file')} (${formatBytes(bytes)})`;
}

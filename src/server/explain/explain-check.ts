import type { HeldVersion } from '../../database/queries/held-releases.ts';
import type { ListedRelease } from '../../database/queries/list-releases.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ExplainedRelease, ExplainResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import type { Audience, Hold } from '../../protocol/rollout/cohort.ts';
import { nextStepAfter, shareAt } from '../../protocol/rollout/rollout.ts';
import type { ClassifiedRelease } from '../../protocol/routing/walk-trace.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { compareVersions, precedenceOf, versionOrder } from '../../protocol/version.ts';
import type { AppRelease, InstalledApp } from '../update-check/app-answers.ts';
import { notesOf } from './explain-notes.ts';
import { filesRule } from './files-rule.ts';
import { type ExplainedApp, type ExplainedQuestion, type Findings, findingsOf } from './findings.ts';
import { type Because, because } from './reason.ts';

/** The most releases that are named: then the highest ones, and the one that is offered. */
const MAX_NAMED = 100;

/**
 * Why an app is answered as it is: the answer is that of the check, and what decided about each release is what the walk to
 * it has written down. Pure.
 */
export function explainCheck(app: ExplainedApp, asked: ExplainedQuestion): ExplainResponse {
  const findings = findingsOf(app, asked);
  const { answer, audience, classification, isMandatory } = findings;
  const releases = explainReleases(app, findings);
  const named =
    releases.length > MAX_NAMED ? [...releases.slice(0, MAX_NAMED - 1), ...releases.slice(-1)] : releases;
  const { release } = answer;
  return {
    version: asked.currentVersion,
    platform: platformName(asked.platform),
    channel: asked.channel,
    cohort: audience.cohort ?? null,
    key_id: classification?.keyId ?? null,
    update: release === undefined ? null : { version: release.version, mandatory: isMandatory },
    releases: named,
    omitted: releases.length - named.length,
    notes: notesOf(app, findings),
  };
}

/** From the highest release down to the one that is offered; else to the first that is not higher than the app's version. */
function explainReleases(app: ExplainedApp, findings: Findings): ExplainedRelease[] {
  const { asked, answer, classification } = findings;
  const { currentVersion } = asked;
  const classified = new Map(classification?.releases.map((one) => [precedenceOf(one.release.version), one]));
  const explained = new Map<string, ExplainedRelease>();
  const add = ({ version, channel }: Named, { rule, reason }: Because) =>
    explained.set(precedenceOf(version), { version, channel, rule, reason });
  for (const one of classified.values()) add(nameOf(one.release), ruleOf(one, app, findings));
  for (const release of app.listed) {
    if (compareVersions(release.version, currentVersion) <= 0) break;
    if (!classified.has(precedenceOf(release.version))) add(release, stateRule(release, asked));
  }
  for (const known of deletedAbove(currentVersion, app)) {
    if (!explained.has(known.version)) add(known, because('deleted', 'It was live, and then deleted.'));
  }
  const offered = answer.isLower ? undefined : answer.release;
  const above = [...explained.values()]
    .filter(({ version }) => offered === undefined || compareVersions(version, offered.version) >= 0)
    .sort((a, b) => (versionOrder(a.version) > versionOrder(b.version) ? -1 : 1));
  return [...above, ...lastOf(findings)];
}

interface Named {
  readonly version: string;
  readonly channel: string;
}

function nameOf({ version, files: [{ channel }] }: AppRelease): Named {
  return { version, channel };
}

/** Where the list ends, if not with what is offered. */
function lastOf({ asked, answer, classification }: Findings): ExplainedRelease[] {
  const { currentVersion } = asked;
  if (answer.isLower && answer.release !== undefined) {
    const reason = `${currentVersion} was rolled back, and the app takes lower versions.`;
    return [{ ...nameOf(answer.release), ...because('downgrade', reason) }];
  }
  if (answer.release !== undefined || classification?.below === undefined) return [];
  return [
    { ...nameOf(classification.below), ...because('not_newer', `It is not higher than ${currentVersion}.`) },
  ];
}

/** Versions that were live and that the app has no release of, as far down as its releases were read. */
function deletedAbove(currentVersion: string, { offering, listed }: ExplainedApp): Named[] {
  const lowest = listed.at(-1)?.version ?? currentVersion;
  const there = new Set(listed.map(({ version }) => precedenceOf(version)));
  return offering.versions.filter(
    ({ version }) =>
      !there.has(version) &&
      compareVersions(version, currentVersion) > 0 &&
      compareVersions(version, lowest) >= 0,
  );
}

/** Of a release that the walk has come by. */
function ruleOf(classified: ClassifiedRelease<AppRelease>, app: ExplainedApp, findings: Findings): Because {
  const { release, verdict, reach } = classified;
  const { asked, classification } = findings;
  const { currentVersion } = asked;
  switch (verdict) {
    case 'lower': // never above the one that is offered
    case 'offered':
      return because('offered', `It is the highest release that apps on ${currentVersion} can take.`);
    case 'key': {
      const keys = `builds of ${currentVersion} carry the key ${classification?.keyId}`;
      return because('key', `It is signed with ${signingKeyOf(release)}; ${keys}.`);
    }
    case 'requires':
      return because('requires', `It requires ${release.requires} or later.`);
    case 'dead_end':
      return because(
        'dead_end',
        `From it an app gets to ${reach}, and no further; it can get to ${classification?.reach}.`,
      );
    case 'held':
      return heldRule(release, app, findings);
  }
}

function signingKeyOf({ files }: AppRelease): string {
  const ids = [...new Set(files.map(({ signingKeyId }) => signingKeyId))];
  return ids.length === 1 ? `the key ${ids[0]}` : 'several keys';
}

function heldRule(
  { files: [{ releaseId }] }: AppRelease,
  { offering: { held, now } }: ExplainedApp,
  { holds, audience }: Findings,
): Because {
  const release = held.find(({ id }) => id === releaseId);
  const hold = holds.get(releaseId) ?? 'no_cohort';
  return because(
    hold,
    release === undefined ? 'It is being rolled out.' : holdReason(release, { hold, audience, now }),
  );
}

function holdReason(
  release: HeldVersion,
  { hold, audience, now }: { readonly hold: Hold; readonly audience: Audience; readonly now: number },
): string {
  const share = `It is offered to ${shareAt(release, now)} of the 100 cohorts`;
  switch (hold) {
    case 'paused':
      return 'It is paused, and offered to no one.';
    case 'scheduled':
      return `It is offered from ${formatTimestamp(nextStepAfter(release, now))} on.`;
    case 'cohort':
      return `${share}, and cohort ${audience.cohort} is not one of them.`;
    case 'no_cohort':
      return `${share}, and the app does not say which it is in.`;
  }
}

/** Of a release that is no choice for the app: the walk does not come by it. */
function stateRule(release: ListedRelease, asked: InstalledApp): Because {
  const { status, rolledBack, channel } = release;
  if (status === 'draft') return because('draft', 'It is a draft.');
  if (status === 'yanked')
    return rolledBack ? because('rolled_back', 'It was rolled back.') : because('yanked', 'It is yanked.');
  if (![STABLE, asked.channel].includes(channel)) {
    return because('channel', `It is in the channel ${channel}, which the app does not ask for.`);
  }
  return filesRule(release.artifacts, asked.platform);
}

import { minimumSystemFor } from '../../protocol/policy/minimum-system.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';
import { answerTo } from '../update-check/app-answers.ts';
import type { ExplainedApp, Findings } from './findings.ts';
import type { Note } from './reason.ts';

/** What is to be known besides the releases. */
export function notesOf(app: ExplainedApp, findings: Findings): Note[] {
  const notes = [
    mandatoryNote(app, findings),
    stepNote(findings),
    systemNote(app, findings),
    cohortNote(findings),
    rolledBackNote(app, findings),
    keyNote(findings),
  ];
  return notes.filter((note) => note !== undefined);
}

function mandatoryNote(
  { offering: { policy } }: ExplainedApp,
  { asked, answer, isMandatory }: Findings,
): Note | undefined {
  if (!isMandatory || answer.release === undefined) return undefined;
  const { currentVersion } = asked;
  const { minimumVersion } = policy;
  const isBelowMinimum = minimumVersion !== undefined && compareVersions(currentVersion, minimumVersion) < 0;
  const reason = isBelowMinimum
    ? `The update is mandatory: versions below ${minimumVersion} are not supported any more.`
    : 'The update is mandatory: it is, or contains, a release that is.';
  return { rule: 'mandatory', reason };
}

function stepNote({ answer: { release, isLower }, classification }: Findings): Note | undefined {
  const reach = classification?.reach;
  if (release === undefined || isLower || reach === undefined) return undefined;
  if (compareVersions(release.version, reach) >= 0) return undefined;
  return { rule: 'more_steps', reason: `From ${release.version} the app gets on to ${reach}.` };
}

function systemNote({ listed }: ExplainedApp, { asked, answer: { release } }: Findings): Note | undefined {
  if (release === undefined) return undefined;
  const precedence = precedenceOf(release.version);
  const minimum = listed.find(({ version }) => precedenceOf(version) === precedence)?.minimumSystem ?? null;
  const needed = minimumSystemFor(minimum, asked.platform.target);
  if (needed === undefined) return undefined;
  const reason = `${release.version} needs version ${needed} of the system, which the app compares with its own.`;
  return { rule: 'minimum_system', reason };
}

function cohortNote({ asked, audience }: Findings): Note | undefined {
  if (audience.cohort === undefined || asked.asker?.cohort !== undefined) return undefined;
  const reason = `The app does not say its cohort: its address has cohort ${audience.cohort} today.`;
  return { rule: 'cohort_of_address', reason };
}

function rolledBackNote({ answers, offering }: ExplainedApp, { asked, answer }: Findings): Note | undefined {
  if (asked.takesLower || answer.release !== undefined) return undefined;
  const { release, isLower } = answerTo(answers, { ...asked, takesLower: true }, offering.now);
  if (!isLower || release === undefined) return undefined;
  const reason = `${asked.currentVersion} was rolled back: apps that take lower versions get ${release.version}.`;
  return { rule: 'rolled_back_version', reason };
}

function keyNote({ asked: { keyId, currentVersion }, classification }: Findings): Note | undefined {
  const counted = classification?.keyId;
  if (keyId === undefined || counted === undefined || keyId === counted) return undefined;
  const reason = `Builds of ${currentVersion} count as carrying the key ${counted}, and this app carries ${keyId}.`;
  return { rule: 'other_key', reason };
}

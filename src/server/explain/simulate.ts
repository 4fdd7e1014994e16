import { STABLE } from '../../protocol/channel.ts';
import type { SimulatedCell, SimulateResponse } from '../../protocol/messages.ts';
import { parsePlatform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { type AppAnswers, type AppRelease, type Offering, routeApp } from '../update-check/app-answers.ts';
import { type AnsweredApp, GroupAnswers } from './group-answers.ts';
import { type ChangedRelease, offeringAfter } from './simulated-change.ts';
import type { Field, FieldVersion } from './versions-in-field.ts';

/** Questions that are asked before and after: what a simulation costs at most. */
const MAX_QUESTIONS = 5000;

export interface Simulation {
  readonly offering: Offering;
  /** Today's. */
  readonly answers: AppAnswers<AppRelease>;
  readonly changed: ChangedRelease;
  readonly field: Field;
}

/** Who would be offered what after a change: both are answers of the check itself. Pure; to be done in slices. */
export function* simulate({
  offering,
  answers,
  changed,
  field,
}: Simulation): Generator<void, SimulateResponse> {
  const after = offeringAfter(offering, changed);
  const answersAfter = yield* routeApp(after);
  const [before, then] = [new GroupAnswers(answers, offering), new GroupAnswers(answersAfter, after)];
  const names = namesByPlatform(answers, answersAfter);
  const { release, change } = changed;
  const channels = [...new Set([STABLE, release?.channel ?? STABLE, change.channel ?? STABLE])];
  const cells: SimulatedCell[] = [];
  let [questions, omitted] = [0, 0];
  for (const one of field.versions) {
    const asked = questionsOf(one, { names, channels });
    questions += asked.length;
    if (questions > MAX_QUESTIONS) omitted += 1;
    else cells.push(...distinct(asked.map((app) => cellOf(app, one, { before, then }))));
    yield;
  }
  return {
    version: release?.version ?? change.version,
    source: field.source,
    cells,
    changed: cells.filter((cell) => cell.changed).length,
    omitted,
  };
}

/** The names that apps of a platform may ask by, without a bundle type first. */
type Names = ReadonlyMap<string, readonly string[]>;

function namesByPlatform(...answers: readonly AppAnswers<AppRelease>[]): Names {
  const all = answers.flatMap(({ offers }) => [...offers.values()].flatMap((byName) => [...byName.keys()]));
  const names = new Map<string, string[]>();
  for (const name of [...new Set(all)].sort()) {
    const platform = parsePlatform(name);
    if (platform === undefined) continue;
    const plain = platformName(withoutBundleType(platform));
    const others = names.get(plain) ?? [plain];
    names.set(plain, name === plain ? others : [...others, name]);
  }
  return names;
}

function questionsOf(
  { version, platform }: FieldVersion,
  { names, channels }: { readonly names: Names; readonly channels: readonly string[] },
): AnsweredApp[] {
  const platforms = platform === undefined ? [...names.keys()] : [platform];
  return platforms.flatMap((plain) =>
    (names.get(plain) ?? [plain]).flatMap((name) => {
      const asked = parsePlatform(name);
      if (asked === undefined) return [];
      return channels.map((channel) => ({ platform: asked, currentVersion: version, channel }));
    }),
  );
}

interface Compared {
  readonly before: GroupAnswers;
  readonly then: GroupAnswers;
}

function cellOf(app: AnsweredApp, { clients }: FieldVersion, { before, then }: Compared): SimulatedCell {
  const [today, after] = [before.answersTo(app), then.answersTo(app)];
  // Counts know neither channels nor bundle types.
  const isCounted = app.channel === STABLE && app.platform.bundleType === undefined;
  return {
    version: app.currentVersion,
    platform: platformName(app.platform),
    channel: app.channel,
    clients: isCounted ? clients : null,
    changed: JSON.stringify(today) !== JSON.stringify(after),
    ...{ today, after },
  };
}

/** Without bundle types and channels that are answered as the platform is without one, and in `stable`. */
function distinct(cells: readonly SimulatedCell[]): SimulatedCell[] {
  const kept: SimulatedCell[] = [];
  for (const cell of cells) {
    const platform = parsePlatform(cell.platform);
    const plain = platform && platformName(withoutBundleType(platform));
    const isSame = kept.some(
      (other) =>
        [plain, cell.platform].includes(other.platform) &&
        [STABLE, cell.channel].includes(other.channel) &&
        answersIn(other) === answersIn(cell),
    );
    if (!isSame) kept.push(cell);
  }
  return kept;
}

function answersIn({ today, after }: SimulatedCell): string {
  return JSON.stringify([today, after]);
}

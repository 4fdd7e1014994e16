import { CHANNEL_RULE, isChannel } from '../../protocol/channel.ts';
import type { RolloutRequest } from '../../protocol/messages.ts';
import { TARGETS } from '../../protocol/platform.ts';
import {
  type MinimumSystem,
  parseMinimumSystem,
  SYSTEM_VERSION_RULE,
} from '../../protocol/policy/minimum-system.ts';
import { MAX_RAMP_MS, MIN_RAMP_MS } from '../../protocol/rollout/rollout.ts';
import { parseTimestamp } from '../../protocol/time.ts';
import { suggestVersion, versionOfTag, whyNoVersion } from '../../protocol/version.ts';
import type { OptionErrors } from './option-errors.ts';
import { readDuration } from './quantities.ts';
import { readTextFile } from './remote-options.ts';
import type { NotesOptions, RolloutOptions } from './shared-options.ts';

/** A version, or the one in a git tag. */
export function readVersion(
  text: string | undefined,
  errors: OptionErrors,
  code: 'usage' | 'preflight_refused' = 'preflight_refused',
): string {
  if (!text) {
    errors.add('no version given: pass --version X.Y.Z');
    return '';
  }
  const version = versionOfTag(text);
  if (version !== undefined) return version;
  const suggestion = suggestVersion(text);
  const remedy = suggestion === undefined ? '' : `: did you mean ${suggestion}?`;
  errors.add(`--version ${text.trim()} ${whyNoVersion(text.trim())}${remedy}`, code);
  return text.trim();
}

/** `--requires`: a version, or the one in a git tag; undefined when none is given. */
export function readRequires(text: string | undefined): string | undefined {
  const version = text?.trim();
  return version ? (versionOfTag(version) ?? version) : undefined;
}

/** `--channel`, or another option; undefined when none is given. */
export function readChannel(
  text: string | undefined,
  errors: OptionErrors,
  option = '--channel',
): string | undefined {
  const channel = text?.trim();
  if (channel !== undefined && !isChannel(channel))
    errors.add(`${option} ${channel} must be ${CHANNEL_RULE}`);
  return channel;
}

/**
 * A share like `10%`, `--over` and `--at`; undefined when none is given.
 * @param source of the share, for messages
 */
export function readRollout(
  { share, over, at }: { readonly share?: string | undefined } & RolloutOptions,
  errors: OptionErrors,
  source: string,
): RolloutRequest | undefined {
  if (share === undefined && over === undefined && at === undefined) return undefined;
  const percent = share === undefined ? undefined : Number(/^(\d{1,3})\s*%?$/.exec(share.trim())?.[1] ?? -1);
  if (percent !== undefined && (percent < 0 || percent > 100))
    errors.add(`${source} ${share} must be a whole number of percent from 0 to 100, like 10%`);
  const ramp = { option: '--over', text: over ?? '', min: MIN_RAMP_MS, max: MAX_RAMP_MS };
  const rampMs = over === undefined ? 0 : readDuration(ramp, errors);
  if (at !== undefined && parseTimestamp(at.trim()) === undefined)
    errors.add(`--at ${at} must be a time like 2026-12-01T09:00Z, with its offset from UTC`);
  return {
    ...(percent !== undefined && { percent }),
    ...(over !== undefined && { over: Math.ceil(rampMs / 1000) }),
    ...(at !== undefined && { at: at.trim() }),
  };
}

/** Release notes, and where they come from. */
export interface Notes {
  readonly text: string;
  /** For messages: `--notes`, `--notes-file NOTES.md`. */
  readonly source: string;
}

/** `--notes` or `--notes-file`; undefined when none is given. Empty text counts as not given, an empty file does not. */
export function readNotes({ notes, notesFile }: NotesOptions, errors: OptionErrors): Notes | undefined {
  if (notes !== undefined && notesFile !== undefined)
    errors.add('--notes and --notes-file cannot be used together: give one');
  const text =
    notesFile === undefined ? notes : errors.attempt(() => readTextFile(notesFile, '--notes-file'));
  if (text === undefined || (notesFile === undefined && text.trim() === '')) return undefined;
  if (!text.isWellFormed() || text.includes('\0')) {
    errors.add(
      'the notes contain characters that clients cannot read (NUL or half of a surrogate pair): remove them',
    );
  }
  return { text: text.trimEnd(), source: notesFile === undefined ? '--notes' : `--notes-file ${notesFile}` };
}

/** `--minimum-system-version`, of each target once; undefined when none is given. */
export function readMinimumSystem(
  texts: readonly string[] | undefined,
  errors: OptionErrors,
): MinimumSystem | undefined {
  const parsed = texts?.map((text) => {
    const minimum = parseMinimumSystem(text);
    if (minimum === undefined)
      errors.add(
        `--minimum-system-version ${text} must be one of ${TARGETS.join(', ')}, "=" and a version of ${SYSTEM_VERSION_RULE}`,
      );
    return minimum;
  });
  return parsed && Object.assign({}, ...parsed);
}

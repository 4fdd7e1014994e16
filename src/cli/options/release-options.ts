import { CHANNEL_RULE, isChannel } from '../../protocol/channel.ts';
import { suggestVersion, versionOfTag } from '../../protocol/version.ts';
import type { OptionErrors } from './option-errors.ts';
import { readTextFile } from './remote-options.ts';
import type { NotesOptions } from './shared-options.ts';

/** A version, or the one in a git tag. */
export function readVersion(text: string | undefined, errors: OptionErrors): string {
  if (!text) {
    errors.add('no version given: pass --version X.Y.Z');
    return '';
  }
  const version = versionOfTag(text);
  if (version !== undefined) return version;
  const suggestion = suggestVersion(text);
  const remedy = suggestion === undefined ? '' : `: did you mean ${suggestion}?`;
  errors.add(`--version ${text.trim()} is not strict semver (X.Y.Z)${remedy}`, 'preflight_refused');
  return text.trim();
}

/** `--requires`: a version, or the one in a git tag; undefined when none is given. */
export function readRequires(text: string | undefined): string | undefined {
  const version = text?.trim();
  return version ? (versionOfTag(version) ?? version) : undefined;
}

/** `--channel`; undefined when none is given. */
export function readChannel(text: string | undefined, errors: OptionErrors): string | undefined {
  const channel = text?.trim();
  if (channel !== undefined && !isChannel(channel))
    errors.add(`--channel ${channel} must be ${CHANNEL_RULE}`);
  return channel;
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

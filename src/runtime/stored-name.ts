import { OtaError } from '../errors.ts';

/** The characters of the names that are given to stored files and uploads: ids, most of them UUIDs. */
export const NAME_CHARACTERS = 'A-Za-z0-9_-';
export const MAX_NAME_LENGTH = 100;

const NAME = new RegExp(`^[${NAME_CHARACTERS}]{1,${MAX_NAME_LENGTH}}$`);
/** What Windows opens under these names, in every folder and in either case, is a device. */
export const DEVICES: readonly string[] = [
  ...['con', 'prn', 'aux', 'nul'],
  ...[...'0123456789'].flatMap((digit) => [`com${digit}`, `lpt${digit}`]),
];
const SHOWN_LENGTH = 80;

/** Whether a name, which a database may have from anyone, is the name of a file directly in a folder. */
export function isStoredName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name) && !DEVICES.includes(name.toLowerCase());
}

/** The refusal of a database with another name. */
export function foreignName(name: unknown): OtaError {
  const text = typeof name === 'string' ? name : String(name);
  const shown = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
  return new OtaError(
    'store_unavailable',
    `the database names a file that is not one of the store: ${JSON.stringify(shown)}`,
    {
      hint: 'No synckit-ota has written that: somebody has changed the database. Restore a backup that only its owner could write to.',
    },
  );
}

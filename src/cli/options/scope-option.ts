import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import {
  isGrant,
  PRESET_NAMES,
  PUBLISH_SCOPES,
  SCOPE_NAMES,
  SCOPE_RULE,
} from '../../protocol/access/scope.ts';
import { limiting } from './given-options.ts';
import { nearestWord } from './near-misses.ts';

/** What a token allows, as often as it is given. */
export function scopeOption(token: string) {
  const option = new Option(
    '--scope <scope>',
    `what ${token} allows (repeatable): ${SCOPE_NAMES.join(', ')}; limited to channels: release:publish@beta,nightly ` +
      `(default: ${PUBLISH_SCOPES.join(', ')})`,
  ).argParser(collectScope);
  return limiting(option);
}

/** Several scopes by what the token is for. */
export function presetOption() {
  const option = new Option('--for <purpose>', 'what it is for, instead of --scope')
    .choices(PRESET_NAMES)
    .conflicts('scope');
  return limiting(option);
}

function collectScope(value: string, previous: readonly string[] = []): string[] {
  if (!isGrant(value)) throw new InvalidArgumentError(`${suggestion(value)}It must be ${SCOPE_RULE}.`);
  return previous.includes(value) ? [...previous] : [...previous, value];
}

/** A scope that was probably meant: `release:yank` for `yank` and `releases:yank`. */
function suggestion(value: string): string {
  const [name = '', channels] = value.toLowerCase().split(/@(.*)/s);
  const meant = SCOPE_NAMES.find((scope) => scope.split(':')[1] === name) ?? nearestWord(name, SCOPE_NAMES);
  if (meant === undefined) return '';
  const grant = channels === undefined ? meant : `${meant}@${channels}`;
  return isGrant(grant) ? `Did you mean ${grant}? ` : '';
}

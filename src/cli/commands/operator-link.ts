import { formatTimestamp } from '../../protocol/time.ts';
import type { Context } from '../context.ts';
import { DEFAULT_HOST, DEFAULT_PORT } from '../defaults.ts';
import { createOperatorLink } from '../operator-page.ts';
import { readPublicUrl } from '../options/listen-option.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { withStore } from '../wiring/open-store.ts';
import type { OperatorLinkOptions } from './operator-link-command.ts';

const DEFAULT_URL = `http://${DEFAULT_HOST}:${DEFAULT_PORT}`;

export async function runOperatorLink(options: OperatorLinkOptions, context: Context): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const given = readPublicUrl(options.publicUrl, errors);
  const publicUrl = given ?? DEFAULT_URL;
  errors.throwIfAny();
  await withStore({ ...options, effect: 'adds' }, context, async ({ queries }, by) => {
    const { link, until } = await createOperatorLink(queries, publicUrl, by);
    const expires = formatTimestamp(until.getTime());
    output.document({ link, expires_at: expires });
    output.result(link);
    if (given === undefined)
      output.note(`It is for a server at ${DEFAULT_URL}: pass the --public-url of \`serve\` for another.`);
    output.note(`It signs you in once, until ${expires}. Whoever has it is the operator of the server.`);
  });
}

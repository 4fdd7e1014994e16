import { type App, findAppsCalled } from '../../database/queries/apps.ts';
import { findTokensCalled, type TokenRecord } from '../../database/queries/tokens.ts';
import type { Queries } from '../../database/schema.ts';
import { OtaError } from '../../errors.ts';
import type { Context } from '../context.ts';
import type { Output } from '../output/output.ts';

/**
 * The app that has this id, slug or name, or had the slug, which is said then.
 * @throws OtaError `usage` when there is none, or several have the name
 */
export async function appCalled(queries: Queries, reference: string, output: Output): Promise<App> {
  const wanted = { kind: 'app', reference: given(reference, 'app'), list: 'apps list' };
  const app = only(await findAppsCalled(queries, reference), wanted);
  if (![app.id, app.slug, app.name].includes(reference))
    output.note(`${reference} is a former slug of ${app.name} (${app.slug ?? app.id}).`);
  return app;
}

/** The token that has this id or name. @throws OtaError `usage` when there is none, or several have the name */
export async function tokenCalled(queries: Queries, reference: string): Promise<TokenRecord> {
  const wanted = { kind: 'token', reference: given(reference, 'token'), list: 'tokens list' };
  return only(await findTokensCalled(queries, reference), wanted);
}

/** For a list that is about one app because of the environment, which is easily forgotten. */
export function noteFilter(app: string | undefined, { environment, output }: Context): void {
  if (app === undefined || environment.SYNCKIT_OTA_APP?.trim() !== app) return;
  output.note(`Only the app ${app} is listed, because SYNCKIT_OTA_APP is set: unset it to list all.`);
}

function given(reference: string, kind: string): string {
  if (reference.trim() !== '') return reference;
  throw new OtaError('usage', `the ${kind} to use is empty`, {
    hint: 'Name it; a variable that should hold it may not be set.',
  });
}

interface Wanted {
  readonly kind: string;
  readonly reference: string;
  /** The command that lists them. */
  readonly list: string;
}

function only<T extends { readonly id: string }>(found: readonly T[], { kind, reference, list }: Wanted): T {
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  if (first === undefined) {
    const ids = kind === 'app' ? 'id, slug or name' : 'id or name';
    throw new OtaError('usage', `there is no ${kind} with the ${ids} ${reference}`, {
      hint: `\`synckit-ota ${list}\` shows them.`,
    });
  }
  throw new OtaError(
    'usage',
    `several ${kind}s have the name ${reference}${kind === 'app' ? ', or had it as their slug' : ''}`,
    {
      hint: `Give the id of one: ${found.map(({ id }) => id).join(', ')}`,
    },
  );
}

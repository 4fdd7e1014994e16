import { type Checked, ok, refused } from '../../issue.ts';
import type { ReleaseRequest } from '../release-request.ts';
import type { ServerState } from '../server-state/server-state.ts';

/**
 * The slug to publish under, which is registered where the app has none. A slug that an app had is never given to
 * another, so one that was only read from the project is not registered in place of the app's own, nor where the
 * project has several. Pure.
 */
export function chooseSlug(
  { slug, projectSlugs }: Pick<ReleaseRequest, 'slug' | 'projectSlugs'>,
  { slug: registered }: Pick<ServerState, 'slug'>,
): Checked<string | undefined> {
  if (slug !== undefined || projectSlugs === undefined) return ok(slug);
  const { value: slugs, source } = projectSlugs;
  const endpoints = `plugins.updater.endpoints of ${source}`;
  if (typeof registered === 'string') {
    if (slugs.length === 0 || slugs.includes(registered)) return ok(registered);
    return refused({
      id: 'app.slug_differs',
      code: 'preflight_refused',
      message: `the app's slug is ${registered}, but ${endpoints} has ${slugs.join(', ')}`,
      hint: `If the build used another configuration, pass it with --config; to publish under another slug, pass --slug ${slugs[0]}.`,
    });
  }
  if (slugs.length < 2) return ok(slugs[0]);
  return refused({
    id: 'app.several_slugs',
    code: 'usage',
    message: `${endpoints} has several slugs: ${slugs.join(', ')}`,
    hint: 'Choose the one of this app with --slug.',
  });
}

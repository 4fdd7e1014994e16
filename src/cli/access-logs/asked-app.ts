import { archCalled, targetCalled } from '../../protocol/other-names.ts';
import { ARCHS, isCustomTarget, platformCalled, platformName } from '../../protocol/platform.ts';
import { parseCohort } from '../../protocol/rollout/cohort.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import { isVersion, precedenceOf } from '../../protocol/version.ts';
import type { LoggedRequest } from './log-line.ts';

/** What a logged request asked for, if it was an update check or a download that went well. */
export type Asked = {
  readonly slug: string;
  readonly platform: string;
  readonly cohort: number | undefined;
} & (
  | { readonly version: string; readonly releaseId?: never }
  | { readonly releaseId: string; readonly version?: never }
);

const CHECKED: ReadonlySet<number> = new Set([200, 204, 304]);
const DOWNLOADED: ReadonlySet<number> = new Set([200, 206, 302]);

/** Also below a path that a proxy removes. */
export function askedIn({ path, status }: Pick<LoggedRequest, 'path' | 'status'>): Asked | undefined {
  const url = URL.canParse(path, 'http://host') ? new URL(path, 'http://host') : undefined;
  const [, after] = url?.pathname.split(`${API_ROOT}/`, 2) ?? [];
  const parts = after?.split('/').map(decoded) ?? [];
  const cohort = parseCohort(url?.searchParams.get('cohort') ?? undefined);
  const [slug = '', first = '', second = '', third = '', fourth = ''] = parts;
  if (parts.length === 5 && first === 'download' && DOWNLOADED.has(status)) {
    const platform = platformIn(third, fourth);
    return platform === undefined ? undefined : { slug, platform, cohort, releaseId: second };
  }
  if (parts.length !== 4 || !CHECKED.has(status) || !isVersion(third)) return undefined;
  const platform = platformIn(first, second);
  return platform === undefined ? undefined : { slug, platform, cohort, version: precedenceOf(third) };
}

/** As the server reads what an app calls its platform. */
function platformIn(target: string, arch: string): string | undefined {
  const whole = platformCalled(target);
  const name = whole?.target ?? targetCalled(target) ?? (isCustomTarget(target) ? target : undefined);
  const cpu = whole?.arch ?? archCalled(arch) ?? ARCHS.find((known) => known === arch);
  return name === undefined || cpu === undefined ? undefined : platformName({ target: name, arch: cpu });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

import { createHash } from 'node:crypto';

export const APP_TAG_HEADER = 'synckit-app-tag';

/** Extension `app-tag`: identifies an app in the headers of its update checks, without giving its id away. */
export function appTag(appId: string): string {
  return createHash('sha256').update(`synckit-app-tag:${appId}`).digest('hex').slice(0, 32);
}

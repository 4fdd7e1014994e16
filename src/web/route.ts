import { useEffect, useState } from 'preact/hooks';

/** The screens of an app, in the order of the tabs. */
export const SCREENS = ['adoption', 'releases', 'channels', 'tokens', 'trust', 'audit'] as const;
export type Screen = (typeof SCREENS)[number];

/** What is shown: `#/APP/releases/RELEASE`. */
export interface Route {
  readonly appId: string | undefined;
  readonly screen: Screen;
  readonly releaseId: string | undefined;
}

/** What an address leads to; what it does not say is the first screen of the first app. */
export function routeIn(hash: string): Route {
  const [, appId, name, releaseId] = hash.replace(/^#/, '').split('/').map(decodeURIComponent);
  const screen = SCREENS.find((each) => each === name) ?? 'adoption';
  return { appId: appId || undefined, screen, releaseId: releaseId || undefined };
}

/** The address of a screen. */
export function linkTo(appId: string, screen: Screen, releaseId?: string): string {
  const parts = [appId, screen, ...(releaseId === undefined ? [] : [releaseId])];
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

/** The route in the address, as it changes. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return routeIn(hash);
}

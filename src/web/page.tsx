import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type AppInSession, downloadPageOf, pageApi, type Session } from './page-api.ts';
import { useLoaded } from './parts/use-loaded.ts';
import { linkTo, type Route, SCREENS, useRoute } from './route.ts';
import { AdoptionScreen } from './screens/adoption-screen.tsx';
import { AppsScreen } from './screens/apps-screen.tsx';
import { AuditScreen } from './screens/audit-screen.tsx';
import { ChannelsScreen } from './screens/channels-screen.tsx';
import { ReleaseScreen } from './screens/release-screen.tsx';
import { ReleasesScreen } from './screens/releases-screen.tsx';
import { SignIn } from './screens/sign-in.tsx';
import { TokensScreen } from './screens/tokens-screen.tsx';
import { TrustScreen } from './screens/trust-screen.tsx';
import { Unavailable } from './screens/unavailable.tsx';
import './page.css';

const LINK = /^#link=([A-Za-z0-9_-]{1,100})$/;

/** Who is signed in: by the cookie, or by the secret in the address, which works once and is taken out of it. */
async function findSession(): Promise<Session | null> {
  const secret = LINK.exec(location.hash)?.[1];
  if (secret === undefined) return (await pageApi.session()).session;
  history.replaceState(null, '', location.pathname);
  return (await pageApi.signIn({ link: secret })).session;
}

/** Finds out who is signed in, and shows what they may see. */
function Page() {
  const [session, setSession] = useState<Session | null>();
  const [error, setError] = useState<string>();
  const load = () =>
    findSession().then(setSession, (failure: Error) => {
      setSession(null);
      setError(failure.message);
    });
  useEffect(() => void load(), []);
  if (session === undefined) return <main class="soft">Loading…</main>;
  if (session === null) return <SignIn onSignedIn={setSession} error={error} />;
  return <SignedIn session={session} onChanged={load} />;
}

interface SignedInProps {
  readonly session: Session;
  readonly onChanged: () => Promise<void>;
}

/** The head of every screen: a token is for one app, an operator chooses one. */
function SignedIn({ session, onChanged }: SignedInProps) {
  const route = useRoute();
  const only = session.kind === 'token' ? session.apps[0] : undefined;
  const app = session.apps.find(({ id }) => id === route.appId) ?? only;
  const signOut = async () => {
    await pageApi.signOut();
    history.replaceState(null, '', location.pathname);
    location.reload();
  };
  return (
    <>
      <header>
        <div class="row">
          {session.kind === 'operator' ? <a href="#/">Apps</a> : null}
          {app && <strong>{app.name}</strong>}
          {app?.slug && <a href={downloadPageOf(app.slug)}>Download page</a>}
          <span class="space" />
          <span class="soft name">{session.name}</span>
          <button type="button" onClick={signOut}>
            Sign out
          </button>
        </div>
        {app && <Tabs app={app} route={route} />}
      </header>
      {app ? <AppScreens app={app} route={route} /> : <AppsScreen session={session} onChanged={onChanged} />}
    </>
  );
}

interface AppScreensProps {
  readonly app: AppInSession;
  readonly route: Route;
}

/** The screens of an app. */
function Tabs({ app, route }: AppScreensProps) {
  return (
    <nav aria-label="Screens">
      {SCREENS.map((screen) => (
        <a
          key={screen}
          href={linkTo(app.id, screen)}
          {...(route.screen === screen && { 'aria-current': 'page' as const })}
        >
          {screen[0]?.toUpperCase()}
          {screen.slice(1)}
        </a>
      ))}
    </nav>
  );
}

/** One screen. The releases are loaded once for all that show them, and again after a change. */
function AppScreens({ app, route: { screen, releaseId } }: AppScreensProps) {
  const { value: releases, error, reload } = useLoaded(() => pageApi.releases(app.id), [app.id]);
  if (releases === undefined)
    return (
      <main>
        <Unavailable error={error} />
      </main>
    );
  const release = releases.find(({ id }) => id === releaseId);
  return (
    <main>
      {release === undefined && <h1 class="hidden">{screen}</h1>}
      {screen === 'adoption' && <AdoptionScreen appId={app.id} releases={releases} />}
      {screen === 'releases' && !release && <ReleasesScreen appId={app.id} releases={releases} />}
      {screen === 'releases' && release && (
        <ReleaseScreen appId={app.id} release={release} releases={releases} onChanged={reload} />
      )}
      {screen === 'channels' && <ChannelsScreen releases={releases} />}
      {screen === 'tokens' && <TokensScreen appId={app.id} />}
      {screen === 'trust' && <TrustScreen appId={app.id} />}
      {screen === 'audit' && <AuditScreen appId={app.id} />}
    </main>
  );
}

const place = document.getElementById('page');
if (place) render(<Page />, place);

import { useState } from 'preact/hooks';
import { pageApi, type Session } from '../page-api.ts';

/** Asks for a token. The server answers with a cookie that no script can read; the token is not kept. */
export function SignIn({ onSignedIn, error: before }: SignInProps) {
  const [error, setError] = useState(before);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    try {
      const token = String(new FormData(form).get('token'));
      const { session } = await pageApi.signIn({ token });
      if (session) onSignedIn(session);
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    }
  };
  return (
    <main class="narrow">
      <h1>Sign in</h1>
      <form class="card" onSubmit={submit}>
        <label>
          <span>Token</span>
          <input type="password" name="token" autocomplete="off" required aria-describedby="token-hint" />
        </label>
        <p id="token-hint" class="soft">
          What the token allows is what this page can do. <code>synckit-ota tokens create</code> makes one.
        </p>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <div class="row end">
          <button type="submit" class="primary">
            Sign in
          </button>
        </div>
      </form>
    </main>
  );
}

export interface SignInProps {
  readonly onSignedIn: (session: Session) => void;
  readonly error?: string | undefined;
}

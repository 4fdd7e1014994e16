import { useState } from 'preact/hooks';
import { type AppInSession, downloadPageOf, pageApi, type Session } from '../page-api.ts';
import { linkTo } from '../route.ts';

export interface AppsScreenProps {
  readonly session: Session;
  readonly onChanged: () => Promise<void>;
}

/** The apps that who is signed in may see; an operator can create one. */
export function AppsScreen({ session, onChanged }: AppsScreenProps) {
  return (
    <main>
      <h1>Apps</h1>
      {session.apps.length === 0 && <p class="soft">There is no app yet.</p>}
      {session.apps.length > 0 && (
        <ul class="list">
          {session.apps.map((app) => (
            <li key={app.id}>
              <a href={linkTo(app.id, 'adoption')}>{app.name}</a>
              {app.slug && <a href={downloadPageOf(app.slug)}>Download page</a>}
            </li>
          ))}
        </ul>
      )}
      {session.kind === 'operator' && <NewApp onCreated={onChanged} />}
    </main>
  );
}

/** Creates an app with its first token, which nothing can show again. */
function NewApp({ onCreated }: { readonly onCreated: () => Promise<void> }) {
  const [created, setCreated] = useState<AppInSession & { readonly token: string }>();
  const [error, setError] = useState<string>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    try {
      setCreated(
        await pageApi.createApp({ name: String(fields.get('name')), slug: String(fields.get('slug')) }),
      );
      setError(undefined);
      form.reset();
      await onCreated();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    }
  };
  return (
    <form class="card" onSubmit={submit}>
      <h2>New app</h2>
      <label>
        <span>Name</span>
        <input name="name" required maxLength={100} autocomplete="off" />
      </label>
      <label>
        <span>Slug, its name in addresses</span>
        <input name="slug" required pattern="[a-z0-9][a-z0-9\-]{1,38}[a-z0-9]" autocomplete="off" />
      </label>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {created && (
        <output class="notice">
          {created.name} has the id <code>{created.id}</code>. Its publish token is shown this once:{' '}
          <code>{created.token}</code>
        </output>
      )}
      <div class="row end">
        <button type="submit" class="primary">
          Create app
        </button>
      </div>
    </form>
  );
}

import type { OfferChange } from '../offered-versions.ts';

/** What apps are offered before and after a change, where that differs. */
export function OfferChanges({ changes }: { readonly changes: readonly OfferChange[] }) {
  if (changes.length === 0) return <p>No app is offered anything else than now.</p>;
  return (
    <>
      <p>New installations, and apps that can take each of these versions, are offered:</p>
      <ul class="changes" aria-label="What changes">
        {grouped(changes).map(({ channel, platform, before, after }) => (
          <li key={`${channel} ${platform}`}>
            <span class="details">
              {channel}: {platform}
            </span>
            <span>
              <strong>{after}</strong> instead of {before}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** One item for all platforms of a channel that change alike. */
function grouped(changes: readonly OfferChange[]): readonly OfferChange[] {
  const rows = new Map<string, OfferChange>();
  for (const change of changes) {
    const key = JSON.stringify([change.channel, change.before, change.after]);
    const row = rows.get(key);
    rows.set(key, row ? { ...row, platform: `${row.platform}, ${change.platform}` } : change);
  }
  return [...rows.values()];
}

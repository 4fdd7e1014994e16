import { useState } from 'preact/hooks';
import type { ReleaseResponse, RolloutRequest } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import { rolloutOf } from '../../protocol/rollout/rollout.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { channelsOf, STABLE } from '../offered-versions.ts';
import { pageApi, type ReleaseChange } from '../page-api.ts';
import { Confirmation } from '../parts/confirmation.tsx';
import { OfferChanges } from '../parts/offer-changes.tsx';
import { RolloutEditor } from '../parts/rollout-editor.tsx';
import { ScrolledTable } from '../parts/scrolled-table.tsx';
import { linkTo } from '../route.ts';
import { moment } from '../words.ts';
import { StateBadge } from './releases-screen.tsx';

export interface ReleaseScreenProps {
  readonly appId: string;
  readonly release: ReleaseResponse;
  /** All of the app, the highest version first. */
  readonly releases: readonly ReleaseResponse[];
  readonly onChanged: () => Promise<void>;
}

interface Promotion {
  readonly channel: string;
}

/** An action, with what it changes. */
interface Asked {
  readonly title: string;
  readonly action: string;
  readonly isHarmful?: boolean;
  readonly words: string;
  readonly change: ReleaseChange | Promotion;
}

/** One release: what can be done with it, its rollout, its files. */
export function ReleaseScreen({ appId, release, releases, onChanged }: ReleaseScreenProps) {
  const [asked, setAsked] = useState<Asked>();
  const confirm = async ({ change }: Asked) => {
    if ('channel' in change) await pageApi.promote(appId, release.id, change.channel);
    else await pageApi.change(appId, release.id, change);
    await onChanged();
  };
  return (
    <>
      <p>
        <a href={linkTo(appId, 'releases')}>All releases</a>
      </p>
      <div class="row">
        <h1>{release.version}</h1>
        <StateBadge release={release} />
        <span class="soft">
          {release.channel}
          {release.status !== 'draft' && `, ${moment(release.pub_date)}`}
        </span>
      </div>
      <div class="row">
        {[...actionsFor(release), ...promotionsOf(release, releases)].map((each) => (
          <button
            key={each.action}
            type="button"
            class={each.isHarmful ? 'harmful' : ''}
            onClick={() => setAsked(each)}
          >
            {each.action}…
          </button>
        ))}
      </div>
      {release.status === 'published' && (
        <RolloutEditor
          key={JSON.stringify(release.rollout ?? null)}
          release={release}
          onAsk={(rollout) => setAsked(rolloutAsked(release, rollout))}
        />
      )}
      <Files release={release} />
      {release.notes && (
        <>
          <h2>Notes</h2>
          <p class="notes">{release.notes}</p>
        </>
      )}
      {asked && (
        <Confirmation {...asked} onConfirm={() => confirm(asked)} onClose={() => setAsked(undefined)}>
          <p>{asked.words}</p>
          <OfferChanges appId={appId} change={{ version: release.version, ...asked.change }} />
        </Confirmation>
      )}
    </>
  );
}

/** What can be done with a release as it is. */
function actionsFor(release: ReleaseResponse): readonly Asked[] {
  const { version, status } = release;
  const yank: Asked = {
    ...{ title: `Yank ${version}?`, action: 'Yank', isHarmful: true, change: { status: 'yanked' } },
    words:
      'It is offered to no one any more. Its files stay, and links to them keep working. It can be restored.',
  };
  const restore: Asked = {
    ...{ title: `Restore ${version}?`, action: 'Restore', change: { status: 'published' } },
    words: 'It is offered again, as its rollout says.',
  };
  const pause: Asked = {
    ...{ title: `Pause ${version}?`, action: 'Pause', change: { paused: true } },
    words: 'It is offered to no one until it is resumed. Its rollout stays as it is set.',
  };
  const resume: Asked = {
    ...{ title: `Resume ${version}?`, action: 'Resume', change: { paused: false } },
    words: 'It is offered again, as its rollout says.',
  };
  if (status === 'draft') return [];
  if (status === 'yanked') return [restore];
  return [release.paused_at ? resume : pause, yank];
}

/** To each other channel of the app: a live release is moved without uploading it. */
function promotionsOf(release: ReleaseResponse, releases: readonly ReleaseResponse[]): readonly Asked[] {
  const { version, status, channel = STABLE } = release;
  if (status !== 'published') return [];
  const others = channelsOf(releases).filter((other) => other !== channel);
  return others.map((other) => ({
    ...{ title: `Move ${version} to ${other}?`, action: `Move to ${other}` },
    words: `It is no longer in ${channel}, and offered where ${other} is. A signed manifest has to be signed again.`,
    change: { channel: other },
  }));
}

/** What setting a rollout does first; a ramp begins where the release is. */
function rolloutAsked(release: ReleaseResponse, request: RolloutRequest | null): Asked {
  const { percent = 100, over } = request ?? {};
  const current = release.rollout?.share ?? 100;
  const set = rolloutOf({ percent, ...(over !== undefined && { rampMs: over * 1000 }) }, current);
  const share = set === null ? 100 : (set.ramp?.from ?? set.percent);
  return {
    title: `Set the rollout of ${release.version}?`,
    action: 'Set rollout',
    words:
      over === undefined
        ? `It is offered to ${percent} % of the apps.`
        : `It is offered to ${share} % of the apps at first, and to ${percent} % in the end. The list has the beginning.`,
    change: { rollout: request },
  };
}

/** The complete files of a release. */
function Files({ release: { artifacts = [] } }: { readonly release: ReleaseResponse }) {
  return (
    <>
      <h2>Files</h2>
      {artifacts.length === 0 && <p class="soft">There is no complete file.</p>}
      {artifacts.length > 0 && (
        <ScrolledTable label="Files" columns={['Platform', 'File', 'Size', 'SHA-256']}>
          {artifacts.map((file) => (
            <tr key={file.sha256}>
              <th scope="row">{platformName({ ...file, bundleType: file.bundle_type ?? undefined })}</th>
              <td>
                {file.file_name}
                {file.lost && <span class="badge paused">lost</span>}
              </td>
              <td class="number">{formatBytes(file.file_size)}</td>
              <td>
                <code title={file.sha256}>{file.sha256.slice(0, 12)}…</code>
              </td>
            </tr>
          ))}
        </ScrolledTable>
      )}
    </>
  );
}

import { basename } from 'node:path';
import type { Ora } from 'ora';
import { platformName } from '../../protocol/platform.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import type { PublishEvent, ShownArtifact } from '../../publish/publish-event.ts';
import { formatDuration, formatElapsed, formatRetry, formatSpeed, indent } from '../format.ts';
import { formatRefused } from '../layout/plan-table.ts';
import type { Lines } from '../printable/printable-text.ts';
import { createStyle, type Style } from './colors.ts';
import type { Output } from './output.ts';
import { createSpinner } from './spinner.ts';

interface Upload {
  readonly artifact: ShownArtifact;
  readonly startedAt: number;
  sentBytes: number;
}

type LineEvent = Exclude<PublishEvent, { type: 'upload_progress' }>;

/** Shows the progress of a publish: a redrawn line for each upload on a terminal, plain lines elsewhere. */
export class PublishReporter {
  readonly #output: Output;
  readonly #spinner: Ora | undefined;
  readonly #style: Style;
  readonly #uploads = new Map<string, Upload>();
  /** What goes on where nothing is uploaded. */
  #activity = '';

  constructor(output: Output) {
    this.#output = output;
    this.#spinner = createSpinner(output);
    this.#style = createStyle(output.colors.stderr);
  }

  readonly report = (event: PublishEvent): void => {
    this.#output.step?.follow(event);
    this.#activity = activityAfter(event) ?? this.#activity;
    const line = this.#follow(event);
    if (line !== undefined) {
      this.#spinner?.clear();
      if (event.type === 'warning') this.#output.warning(line);
      else this.#output.note(line);
    }
    this.#redraw();
  };

  /** Removes the redrawn lines. */
  stop(): void {
    this.#uploads.clear();
    this.#activity = '';
    this.#spinner?.stop();
  }

  /** Keeps the uploads' state. @returns the line that stays on the screen, if there is one for the event */
  #follow(event: PublishEvent): Lines | undefined {
    if (event.type === 'upload_progress') {
      const upload = this.#uploads.get(platformName(event.artifact));
      if (upload) upload.sentBytes = event.sentBytes;
      return undefined;
    }
    if (event.type === 'upload_started') {
      const { artifact } = event;
      this.#uploads.set(platformName(artifact), { artifact, startedAt: Date.now(), sentBytes: 0 });
      return this.#spinner ? undefined : this.#line(event);
    }
    if (event.type === 'uploaded') {
      const name = platformName(event.artifact);
      const elapsed = Date.now() - (this.#uploads.get(name)?.startedAt ?? Date.now());
      this.#uploads.delete(name);
      return `${this.#line(event)} in ${formatElapsed(elapsed)} (${formatSpeed(event.artifact.size, elapsed)})`;
    }
    if (event.type === 'hashing' && !this.#output.verbose) return undefined;
    if (event.type === 'left_out' && !event.leftOut.usual) return undefined; // there is a warning about it
    return this.#line(event);
  }

  #line(event: LineEvent): Lines {
    return lineFor(event, this.#style, this.#output.noteColumns);
  }

  #redraw(): void {
    if (!this.#spinner) return;
    const uploads = [...this.#uploads.values()].map(progressLine);
    const lines = uploads.length > 0 || this.#activity === '' ? uploads : [this.#activity];
    const text = this.#output.printable.lines([...lines.slice(0, 1), ...indent(lines.slice(1))]);
    if (text === '') this.#spinner.stop();
    else if (this.#spinner.isSpinning) this.#spinner.text = text;
    else this.#spinner.start(text);
  }
}

/** What follows an event, if it takes time; empty if something else is to be seen then. */
function activityAfter(event: PublishEvent): string | undefined {
  if (event.type === 'hashing') return `hashing ${basename(event.file)}`;
  if (event.type === 'went_live') return 'verifying what is served';
  return ['release_created', 'release_found', 'refused'].includes(event.type) ? '' : undefined;
}

function lineFor(event: LineEvent, style: Style, width: number): Lines {
  switch (event.type) {
    case 'hashing':
      return `hashing ${event.file}`;
    case 'warning':
      return event.message;
    case 'slug_set':
      return `slug ${event.slug} registered`;
    case 'endpoint_checked': {
      const leads = event.isPending
        ? 'will lead to this app once the slug is registered'
        : 'leads to this app';
      return `the build's updater endpoint ${event.endpoint} ${leads}`;
    }
    case 'release_created':
      return `release ${event.release.version} created (${event.release.id})`;
    case 'release_found':
      return `release ${event.release.version} already exists (${event.release.id})`;
    case 'notes_added':
      return `release notes of ${event.release.version} added`;
    case 'manifest_signed':
      return `manifest of ${event.release.version} signed`;
    case 'attested':
      return `release ${event.release.version} attested by ${event.signer.identity}`;
    case 'left_out':
      return `left out: ${event.leftOut.file} (${event.leftOut.reason})`;
    case 'refused':
      return formatRefused(event.artifacts, style, width);
    case 'went_live':
      return style('green', `release ${event.release.version} is live`);
    case 'rolled_back':
      return `release ${event.release.version} was rolled back (deleted)`;
    case 'skipped':
      return `${platformName(event.artifact)}: already uploaded, skipped`;
    case 'upload_started':
      return `${platformName(event.artifact)}: uploading ${fileAndSize(event.artifact)}${placeOf(event.artifact)}`;
    case 'uploaded':
      return `${platformName(event.artifact)}: ${event.artifact.repairs ? 'repaired' : 'uploaded'} ${fileAndSize(event.artifact)}`;
    case 'verified':
      return `${platformName(event.platform)}: verified: served file matches`;
    case 'retrying':
      return formatRetry(event.notice);
  }
}

/** A draft's file that it takes the place of, or the lost bytes. */
function placeOf({ replaces, repairs }: ShownArtifact): string {
  if (repairs) return ', because the server has lost this file';
  return replaces ? ', in place of the file of an earlier attempt of this job' : '';
}

function fileAndSize({ file, size }: ShownArtifact): string {
  return `${basename(file)} (${formatBytes(size)})`;
}

function progressLine({ artifact, startedAt, sentBytes }: Upload): string {
  const elapsed = Date.now() - startedAt;
  const left = sentBytes > 0 ? formatDuration((elapsed * (artifact.size - sentBytes)) / sentBytes) : '-:--';
  const percent = Math.floor((100 * sentBytes) / artifact.size);
  return [
    platformName(artifact).padEnd(15),
    `${percent}%`.padStart(4),
    `${formatBytes(sentBytes)} of ${formatBytes(artifact.size)}`,
    formatSpeed(sentBytes, elapsed),
    `${left} left`,
    basename(artifact.file),
  ].join('  ');
}

import { systemOf } from '../../protocol/platform.ts';
import { renderNotes } from '../download-page/render-notes.ts';
import type { FeedFile } from './release-files.ts';

export function isForVelopack({ name }: Pick<FeedFile, 'name'>): boolean {
  return /\.nupkg$/i.test(name);
}

/** An app's feed, of one package or none. @param sha1 hexadecimal */
export function velopackFeed(file: FeedFile, sha1: string): string {
  const { version, notes } = file.update;
  const asset = {
    PackageId: packageIdOf(file),
    Version: version,
    Type: 'Full',
    FileName: velopackName(file),
    SHA1: sha1.toUpperCase(),
    SHA256: file.sha256.toUpperCase(),
    Size: file.fileSize,
    NotesMarkdown: notes ?? '',
    NotesHtml: notes ? renderNotes(notes) : '',
  };
  return JSON.stringify({ Assets: [asset] });
}

export const EMPTY_VELOPACK_FEED = JSON.stringify({ Assets: [] });

/** What the client saves the package as, and asks for beside the feed: it is found again by that alone. */
export function velopackName({
  version,
  target,
  arch,
}: Pick<FeedFile, 'version' | 'target' | 'arch'>): string {
  return `${version}-${systemOf(target)}-${arch}-full.nupkg`;
}

/** `MyApp-1.2.0-win-full.nupkg`: its name without the version and what follows it. */
function packageIdOf({ name, version }: FeedFile): string {
  const end = name.indexOf(`-${version}`);
  return name.slice(0, end > 0 ? end : undefined).replace(/(?:-full)?\.nupkg$/i, '');
}

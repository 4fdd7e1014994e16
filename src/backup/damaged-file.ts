import type { RecordedFile } from '../database/queries/recorded-files.ts';
import { platformName } from '../protocol/platform.ts';
import type { DamagedFile, FileProblem } from '../storage/compare-files.ts';

export type DamagedArtifact = DamagedFile<RecordedFile>;

const PROBLEMS: Readonly<Record<FileProblem, string>> = {
  missing: 'the file is missing',
  wrong_size: 'the file has another size than was published',
  wrong_hash: 'the file has other content than was published',
  unreadable: 'the file cannot be read',
};

/** An artifact for people: `my-app 1.2.0 linux-x86_64`. */
export function describeFile(file: RecordedFile): string {
  return `${file.app} ${file.version} ${platformName(file)}`;
}

/** One line: what is damaged, how, and where. */
export function describeDamage({ record, problem }: DamagedArtifact, location: string): string {
  return `${describeFile(record)}: ${PROBLEMS[problem]} (${location})`;
}

/** What repairs damaged files of a store: imperative sentences. */
export function repairHint(damaged: readonly DamagedArtifact[]): string {
  const has = (...problems: FileProblem[]) => damaged.some(({ problem }) => problems.includes(problem));
  const sentences = [
    has('unreadable') &&
      'Give files that cannot be read to the user of the server, with chown and chmod; replace a folder, a link or a pipe in the place of a file by the file from a backup; if that is not why, the disk fails.',
    has('wrong_hash') &&
      'Delete files with other content first: the server, which compares sizes, takes them for the ones that were published.',
    has('missing', 'wrong_size', 'wrong_hash') &&
      'Publish the same bytes of each again: `synckit-ota publish` with the same version. Or copy the files from a backup to these paths.',
  ];
  return sentences.filter((sentence) => sentence !== false).join(' ');
}

import type { StoredFile } from '../../database/queries/artifacts.ts';
import { platformName } from '../../protocol/platform.ts';

/** What a downloaded file is called where it is saved: `my-app-1.2.0-linux-x86_64`. */
export function downloadName(file: StoredFile): string {
  return `${file.slug ?? 'app'}-${file.version}-${platformName(file)}`;
}

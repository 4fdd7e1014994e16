import type { StoredFile } from '../../database/queries/artifacts.ts';
import { platformName } from '../../protocol/platform.ts';

/** The name under which a download is saved: `my-app-1.2.0-linux-x86_64`. */
export function downloadName(file: StoredFile): string {
  return `${file.slug ?? 'app'}-${file.version}-${platformName(file)}`;
}

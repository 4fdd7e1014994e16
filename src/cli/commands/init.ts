import { listTauriFolders } from '../../tauri/project/find-tauri-folder.ts';
import { readTauriConfig, type TauriConfig } from '../../tauri/project/tauri-config.ts';
import type { Context } from '../context.ts';
import { planFiles, slugOf } from '../init/plan-files.ts';
import { requireAnswered, writeFiles } from '../init/write-files.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readServer, readSlug } from '../options/remote-options.ts';
import { hostTarget } from '../project/host-platform.ts';
import type { InitOptions } from './init-command.ts';

const NEXT =
  'Next: create the app on the server with `synckit-ota apps create`, and do what the head of .github/workflows/release.yml says. `synckit-ota doctor` then finds what is still missing.';

/** @throws OtaError `usage` where there is no terminal to ask on */
export async function runInit(options: InitOptions, context: Context): Promise<void> {
  const { output } = context;
  const { project, yes = false, dryRun = false } = options;
  const errors = new OptionErrors();
  const server = readServer(options.server, errors);
  const config = await errors.attemptAsync(() => findConfig(project));
  const slug = readSlug(options.slug ?? slugOf(config), errors);
  if (slug === undefined) errors.add('no slug given, and none in the project: pass --slug');
  if (!errors.isEmpty || server === undefined || slug === undefined) throw errors.toError();
  const planned = planFiles({ project, server, app: options.app?.trim() || undefined, slug, config });
  const results = await writeFiles(planned, { yes, dryRun }, context);
  output.document({ status: dryRun ? 'planned' : 'done', slug, files: results });
  const isWritten = results.some(({ action }) => action === 'written');
  output.result([
    ...results.map(({ file, action }) => `${action.padEnd(8)} ${file}`),
    ...(planned.length === 0 ? ['Nothing is missing.'] : []),
    ...(isWritten ? [NEXT] : []),
  ]);
  if (config !== undefined && config.pubkey === undefined) {
    output.warning('plugins.updater.pubkey is missing: `npx tauri signer generate` makes a key');
  }
  requireAnswered(planned, { yes, dryRun });
}

/** Of the one Tauri project there. */
export async function findConfig(project: string): Promise<TauriConfig | undefined> {
  const [folder, ...others] = await listTauriFolders(project);
  return folder === undefined || others.length > 0 ? undefined : readTauriConfig(folder, hostTarget());
}

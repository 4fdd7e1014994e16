import {
  Command,
  CommanderError,
  type CommandUnknownOpts,
  type OutputConfiguration,
} from '@commander-js/extra-typings';
import { OtaError } from '../errors.ts';
import {
  appsCommand,
  appsCreateCommand,
  appsDeleteCommand,
  appsFreeSlugCommand,
  appsListCommand,
  appsRenameCommand,
  appsSetCommand,
  appsSetKeyCommand,
  appsSetLimitsCommand,
  appsShowCommand,
  appsTrustCommand,
  appsUntrustCommand,
} from './commands/apps-command.ts';
import { auditCheckpointCommand, auditCommand, auditVerifyCommand } from './commands/audit-command.ts';
import { backupCommand, restoreCommand } from './commands/backup-command.ts';
import { checkCommand } from './commands/check-command.ts';
import { completionCommand } from './commands/completion-command.ts';
import { copyCommand } from './commands/copy-command.ts';
import { devCommand } from './commands/dev-command.ts';
import { doctorCommand } from './commands/doctor-command.ts';
import { exportCommand } from './commands/export-command.ts';
import { fsckCommand } from './commands/fsck-command.ts';
import { importCommand } from './commands/import-command.ts';
import { initCommand } from './commands/init-command.ts';
import { keysCommand, keysRotateCommand } from './commands/keys-command.ts';
import { loginCommand, logoutCommand } from './commands/login-command.ts';
import { migrateCommand } from './commands/migrate-command.ts';
import { operatorLinkCommand } from './commands/operator-link-command.ts';
import {
  publishArtifactCommand,
  publishCommand,
  publishFinishCommand,
  publishReleaseCommand,
  publishSlugCommand,
} from './commands/publish-command.ts';
import {
  releasesCommand,
  releasesDeleteCommand,
  releasesEditCommand,
  releasesListCommand,
  releasesPauseCommand,
  releasesPromoteCommand,
  releasesRestoreCommand,
  releasesResumeCommand,
  releasesRollbackCommand,
  releasesRolloutCommand,
  releasesShowCommand,
  releasesSignCommand,
  releasesSimulateCommand,
  releasesStatsCommand,
  releasesYankCommand,
} from './commands/releases-command.ts';
import { serveCommand } from './commands/serve-command.ts';
import { statsCommand, statsImportCommand } from './commands/stats-command.ts';
import { storageClaimCommand, storageCommand } from './commands/storage-command.ts';
import {
  tokensCommand,
  tokensCreateCommand,
  tokensListCommand,
  tokensRevokeCommand,
} from './commands/tokens-command.ts';
import { verifyCommand } from './commands/verify-command.ts';
import {
  webhooksAddCommand,
  webhooksCommand,
  webhooksDeliveriesCommand,
  webhooksEnableCommand,
  webhooksListCommand,
  webhooksRemoveCommand,
  webhooksTestCommand,
} from './commands/webhooks-command.ts';
import type { Context, Run } from './context.ts';
import { ignoreBlankValues, refuseBlankArguments, refuseContradictions } from './options/given-options.ts';
import { HELP_FORMAT, helpWidth, withExamples } from './options/help-format.ts';
import type { Colors } from './output/colors.ts';
import type { OutputOptions } from './output/output.ts';
import { packageHomepage, packageVersion } from './package-version.ts';

/** Creates the context of the command that starts. @param command its name with its parent's, like `publish slug` */
export type CreateContext = (options: OutputOptions, command: string) => Context;

/** Registers what a declared command does. The implementation is loaded when the command runs. */
type Runs = <Args extends unknown[], Options extends OutputOptions & Record<string, unknown>>(
  command: Command<Args, Options>,
  load: () => Promise<Run<Options, Args>>,
) => CommandUnknownOpts;

/**
 * Runs a command line.
 * @param argv as in `process.argv`
 * @throws OtaError `usage` for a wrong command line; whatever the command throws
 */
export async function runProgram(
  argv: readonly string[],
  createContext: CreateContext,
  colors: Colors,
): Promise<void> {
  let printed = '';
  const program = createProgram(createContext, {
    getOutHelpWidth: () => helpWidth(process.stdout),
    getErrHelpWidth: () => helpWidth(process.stderr),
    getOutHasColors: () => colors.stdout,
    getErrHasColors: () => colors.stderr,
    writeErr: (text) => {
      printed += text;
    },
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof ParsingEnd)) throw error;
    if (error.reason.exitCode === 0) return; // --help, --version
    if (error.reason.code === 'commander.help') process.stderr.write(printed);
    throw usageError(error);
  }
}

/**
 * The command tree. A command is declared in its `-command.ts`, which is light; what it does is loaded when it runs, so
 * that `publish` never loads what `serve` needs.
 */
export function createProgram(
  createContext: CreateContext,
  output: OutputConfiguration = {},
): CommandUnknownOpts {
  const runs: Runs = (command, load) =>
    command.action(async () => {
      inheritOptions(command);
      const options = command.opts();
      const context = createContext(options, pathOf(command));
      refuseBlankArguments(command);
      await (await load())(options, context, ...command.processedArgs);
    });
  const program = rootCommand();
  program
    .commandsGroup('Publishing:')
    .addCommand(runs(initCommand(), async () => (await import('./commands/init.ts')).runInit))
    .addCommand(runs(loginCommand(), async () => (await import('./commands/login.ts')).runLogin))
    .addCommand(runs(logoutCommand(), async () => (await import('./commands/login.ts')).runLogout))
    .addCommand(publishTree(runs))
    .addCommand(releasesTree(runs));
  program
    .commandsGroup('Testing:')
    .addCommand(runs(checkCommand(), async () => (await import('./commands/check.ts')).runCheck))
    .addCommand(runs(verifyCommand(), async () => (await import('./commands/verify.ts')).runVerify))
    .addCommand(runs(doctorCommand(), async () => (await import('./commands/doctor.ts')).runDoctor))
    .addCommand(runs(devCommand(), async () => (await import('./commands/dev.ts')).runDev));
  program
    .commandsGroup('Self-hosting:')
    .addCommand(runs(serveCommand(), async () => (await import('./commands/serve.ts')).runServe))
    .addCommand(appsTree(runs))
    .addCommand(tokensTree(runs))
    .addCommand(keysTree(runs))
    .addCommand(
      runs(operatorLinkCommand(), async () => (await import('./commands/operator-link.ts')).runOperatorLink),
    )
    .addCommand(auditTree(runs))
    .addCommand(webhooksTree(runs))
    .addCommand(runs(backupCommand(), async () => (await import('./commands/backup.ts')).runBackup))
    .addCommand(runs(restoreCommand(), async () => (await import('./commands/restore.ts')).runRestore))
    .addCommand(runs(fsckCommand(), async () => (await import('./commands/fsck.ts')).runFsck))
    .addCommand(storageTree(runs))
    .addCommand(statsTree(runs))
    .addCommand(runs(exportCommand(), async () => (await import('./commands/export.ts')).runExport))
    .addCommand(runs(importCommand(), async () => (await import('./commands/import.ts')).runImport))
    .addCommand(runs(migrateCommand(), async () => (await import('./commands/migrate.ts')).runMigrate))
    .addCommand(runs(copyCommand(), async () => (await import('./commands/copy.ts')).runCopy));
  program
    .commandsGroup('Help:')
    .helpCommand('help [command]', 'show the help of a command')
    .addCommand(completionTree(runs, program));
  configure(program, output);
  return program;
}

function rootCommand(): CommandUnknownOpts {
  const program = new Command('synckit-ota')
    .description('Publish desktop app updates from CI, and serve them.')
    .optionsGroup('General options:')
    .version(packageVersion(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help');
  const docs = packageHomepage();
  if (docs !== undefined) program.addHelpText('afterAll', `\nDocs: ${docs}`);
  return withExamples(program, [
    'synckit-ota publish --dry-run',
    'synckit-ota dev',
    'synckit-ota serve --public-url https://updates.example.com',
    'synckit-ota apps create "My App" --slug my-app',
  ]);
}

function publishTree(runs: Runs): CommandUnknownOpts {
  return runs(publishCommand(), async () => (await import('./commands/publish.ts')).runPublish)
    .addCommand(
      runs(publishSlugCommand(), async () => (await import('./commands/publish-slug.ts')).runPublishSlug),
    )
    .addCommand(
      runs(
        publishReleaseCommand(),
        async () => (await import('./commands/publish-release.ts')).runPublishRelease,
      ),
    )
    .addCommand(
      runs(
        publishArtifactCommand(),
        async () => (await import('./commands/publish-artifact.ts')).runPublishArtifact,
      ),
    )
    .addCommand(
      runs(
        publishFinishCommand(),
        async () => (await import('./commands/publish-finish.ts')).runPublishFinish,
      ),
    );
}

function releasesTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/releases.ts');
  const rollout = () => import('./commands/release-rollout.ts');
  return releasesCommand()
    .addCommand(runs(releasesListCommand(), async () => (await load()).runReleasesList))
    .addCommand(runs(releasesShowCommand(), async () => (await load()).runReleasesShow))
    .addCommand(runs(releasesEditCommand(), async () => (await load()).runReleasesEdit))
    .addCommand(
      runs(releasesSignCommand(), async () => (await import('./commands/sign-release.ts')).runReleasesSign),
    )
    .addCommand(runs(releasesRolloutCommand(), async () => (await rollout()).runReleasesRollout))
    .addCommand(
      runs(
        releasesPromoteCommand(),
        async () => (await import('./commands/promote-release.ts')).runReleasesPromote,
      ),
    )
    .addCommand(runs(releasesPauseCommand(), async () => (await rollout()).runReleasesPause))
    .addCommand(runs(releasesResumeCommand(), async () => (await rollout()).runReleasesResume))
    .addCommand(
      runs(
        releasesRollbackCommand(),
        async () => (await import('./commands/release-rollback.ts')).runReleasesRollback,
      ),
    )
    .addCommand(
      runs(
        releasesStatsCommand(),
        async () => (await import('./commands/release-stats.ts')).runReleasesStats,
      ),
    )
    .addCommand(
      runs(
        releasesSimulateCommand(),
        async () => (await import('./commands/simulate-release.ts')).runReleasesSimulate,
      ),
    )
    .addCommand(runs(releasesYankCommand(), async () => (await load()).runReleasesYank))
    .addCommand(runs(releasesRestoreCommand(), async () => (await load()).runReleasesRestore))
    .addCommand(runs(releasesDeleteCommand(), async () => (await load()).runReleasesDelete));
}

function appsTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/apps.ts');
  const manage = () => import('./commands/manage-app.ts');
  const trust = () => import('./commands/trust.ts');
  return appsCommand()
    .addCommand(runs(appsCreateCommand(), async () => (await load()).runAppsCreate))
    .addCommand(runs(appsListCommand(), async () => (await load()).runAppsList))
    .addCommand(runs(appsShowCommand(), async () => (await manage()).runAppsShow))
    .addCommand(runs(appsSetCommand(), async () => (await manage()).runAppsSet))
    .addCommand(runs(appsSetKeyCommand(), async () => (await load()).runAppsSetKey))
    .addCommand(runs(appsTrustCommand(), async () => (await trust()).runAppsTrust))
    .addCommand(runs(appsUntrustCommand(), async () => (await trust()).runAppsUntrust))
    .addCommand(
      runs(appsSetLimitsCommand(), async () => (await import('./commands/app-limits.ts')).runAppsSetLimits),
    )
    .addCommand(runs(appsRenameCommand(), async () => (await manage()).runAppsRename))
    .addCommand(runs(appsDeleteCommand(), async () => (await manage()).runAppsDelete))
    .addCommand(runs(appsFreeSlugCommand(), async () => (await manage()).runAppsFreeSlug));
}

function tokensTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/tokens.ts');
  return tokensCommand()
    .addCommand(runs(tokensCreateCommand(), async () => (await load()).runTokensCreate))
    .addCommand(runs(tokensListCommand(), async () => (await load()).runTokensList))
    .addCommand(runs(tokensRevokeCommand(), async () => (await load()).runTokensRevoke));
}

function keysTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/keys.ts');
  return keysCommand().addCommand(runs(keysRotateCommand(), async () => (await load()).runKeysRotate));
}

function auditTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/audit.ts');
  return runs(auditCommand(), async () => (await load()).runAudit)
    .addCommand(
      runs(auditVerifyCommand(), async () => (await import('./commands/audit-verify.ts')).runAuditVerify),
    )
    .addCommand(runs(auditCheckpointCommand(), async () => (await load()).runAuditCheckpoint));
}

function webhooksTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/webhooks.ts');
  return webhooksCommand()
    .addCommand(runs(webhooksAddCommand(), async () => (await load()).runWebhooksAdd))
    .addCommand(runs(webhooksListCommand(), async () => (await load()).runWebhooksList))
    .addCommand(runs(webhooksTestCommand(), async () => (await load()).runWebhooksTest))
    .addCommand(runs(webhooksDeliveriesCommand(), async () => (await load()).runWebhooksDeliveries))
    .addCommand(runs(webhooksEnableCommand(), async () => (await load()).runWebhooksEnable))
    .addCommand(runs(webhooksRemoveCommand(), async () => (await load()).runWebhooksRemove));
}

function completionTree(runs: Runs, program: CommandUnknownOpts): CommandUnknownOpts {
  return runs(completionCommand(), async () => {
    const { runCompletion } = await import('./commands/completion.ts');
    return (_, context, shell) => runCompletion(program, context, shell);
  });
}

function storageTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/storage.ts');
  return storageCommand().addCommand(runs(storageClaimCommand(), async () => (await load()).runStorageClaim));
}

function statsTree(runs: Runs): CommandUnknownOpts {
  const load = () => import('./commands/stats-import.ts');
  return statsCommand().addCommand(runs(statsImportCommand(), async () => (await load()).runStatsImport));
}

/** commander's settings and ours, which commands that were made before do not inherit: it throws, and never exits. */
function configure(command: CommandUnknownOpts, output: OutputConfiguration): void {
  refuseContradictions(command);
  ignoreBlankValues(command);
  command
    .enablePositionalOptions()
    .configureHelp(HELP_FORMAT)
    .configureOutput(output)
    .exitOverride((reason) => {
      throw new ParsingEnd(namingUnknownCommand(reason, command), command);
    });
  for (const subcommand of command.commands) configure(subcommand, output);
}

/** For `help frob` commander shows the help as if no command was given, and for `publish releese` it counts arguments. */
function namingUnknownCommand(reason: CommanderError, command: CommandUnknownOpts): CommanderError {
  const [first, second] = command.args;
  const isTopic = reason.code === 'commander.help' && first === 'help';
  const isExtra = reason.code === 'commander.excessArguments' && command.commands.length > 0;
  const word = isTopic ? second : isExtra ? first : undefined;
  if (word === undefined || word === 'help') return reason;
  const names = new Command()
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  for (const subcommand of command.commands) names.command(subcommand.name());
  try {
    names.parse([word], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error;
  }
  return reason;
}

/** commander would end the process here: after `--help`, or because the command line is wrong. */
class ParsingEnd extends Error {
  readonly reason: CommanderError;
  readonly command: CommandUnknownOpts;

  constructor(reason: CommanderError, command: CommandUnknownOpts) {
    super(reason.message);
    this.reason = reason;
    this.command = command;
  }
}

/** Without a command commander shows the help, and calls that an error. */
function usageError({ reason: { code, message }, command }: ParsingEnd): OtaError {
  if (code === 'commander.help') {
    return new OtaError('usage', 'no command given', { hint: 'Choose one of the commands above.' });
  }
  const text = withoutUrls(message.replace(/^error: /, '').replace(/\n\((.*)\)$/, '. $1'));
  const name = ['synckit-ota', pathOf(command)].join(' ').trim();
  const purpose = code === 'commander.unknownCommand' ? 'all commands' : 'usage';
  return new OtaError('usage', text, { hint: `Run \`${name} --help\` for ${purpose}.` });
}

/** Without a URL in a place where none belongs, and what follows it: it may hold a password. */
function withoutUrls(text: string): string {
  const at = text.indexOf('://');
  if (at < 0) return text;
  const before = text.slice(0, at + 1).split(/(?<=[\s'"=])/);
  before.pop(); // the scheme, with its colon
  const assigned = before.at(-1) ?? '';
  const isOption = /^--[\w-]+=$/.test(assigned);
  const kept = (isOption ? before.slice(0, -1) : before).join('');
  const [quote = ''] = /['"]$/.exec(kept) ?? [];
  return isOption
    ? `${kept}${assigned.slice(0, -1)}${quote}`
    : `${kept.slice(0, kept.length - quote.length)}(a URL)`;
}

/** `publish slug` for that command, empty for the program itself. */
function pathOf(command: CommandUnknownOpts): string {
  if (command.parent === null) return '';
  return `${pathOf(command.parent)} ${command.name()}`.trim();
}

/**
 * Gives a command the values of options that stand before it, like those of `publish` in `publish --app a slug s`. What
 * was typed wins over the environment, wherever either stands; between equals the command itself wins. (commander's
 * `optsWithGlobals` lets those above win.)
 */
function inheritOptions(command: CommandUnknownOpts): void {
  const rank = (source: string | undefined) => ['default', 'env', 'cli'].indexOf(source ?? '');
  for (let above = command.parent; above !== null; above = above.parent) {
    for (const [name, value] of Object.entries(above.opts())) {
      const source = above.getOptionValueSource(name);
      if (rank(source) > rank(command.getOptionValueSource(name)))
        command.setOptionValueWithSource(name, value, source);
    }
  }
}

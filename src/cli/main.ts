import type { Environment } from './environment.ts';
import { EXIT } from './exit-codes.ts';
import { packageVersion } from './package-version.ts';

/**
 * Runs the command line.
 * @param argv as in `process.argv`
 * @param environment of which proxies and the conventions of CI systems are taken
 * @returns the exit code
 */
export async function main(argv: readonly string[], environment: Environment = process.env): Promise<number> {
  process.stdout.on('error', failUnlessClosed);
  const [, , ...words] = argv;
  if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
    process.stdout.write(`${packageVersion()}\n`); // at once: the command tree takes longer to load than Node itself
    return EXIT.done;
  }
  process.stderr.on('error', ignore); // there is no other place to report it at
  // About the SDK's coming versions only: the one that is used is in the bundle.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const { runCommandLine } = await import('./command-line.ts');
  return runCommandLine(argv, environment);
}

/** The reader of the output may stop reading: that is no error of this command. */
function failUnlessClosed(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  process.stderr.on('error', ignore).write(`error: cannot write the output: ${error.message}.\n`);
  process.exit(EXIT.bug);
}

function ignore(): void {}

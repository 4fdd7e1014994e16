import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { completionNodes } from '../completion/completion-node.ts';
import { completionScript, type Shell } from '../completion/completion-scripts.ts';
import type { Context } from '../context.ts';

/** @param program the root of the command tree */
export async function runCompletion(
  program: CommandUnknownOpts,
  { output }: Context,
  shell: Shell,
): Promise<void> {
  output.result([...completionScript(shell, completionNodes(program))]);
}

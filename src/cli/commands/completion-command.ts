import { Argument, Command } from '@commander-js/extra-typings';
import { SHELLS } from '../completion/completion-scripts.ts';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, withHelp } from '../options/shared-options.ts';

export type CompletionOptions = OptionsOf<typeof completionCommand>;

export const completionCommand = () =>
  withExamples(
    withHelp(
      new Command('completion')
        .summary('print the completions of a shell')
        .description('Print a script that completes commands and options in a shell.')
        .optionsGroup('General options:')
        .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS)),
    ),
    [
      'eval "$(synckit-ota completion bash)"',
      'synckit-ota completion zsh > ~/.zfunc/_synckit-ota',
      'synckit-ota completion fish > ~/.config/fish/completions/synckit-ota.fish',
    ],
  );

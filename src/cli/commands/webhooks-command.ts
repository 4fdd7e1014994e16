import { Command, Option } from '@commander-js/extra-typings';
import { WEBHOOK_EVENTS, WEBHOOK_FORMATS } from '../../protocol/webhook/webhook-message.ts';
import { withExamples } from '../options/help-format.ts';
import { appOption, type OptionsOf, parentCommand, withStore } from '../options/shared-options.ts';

export type WebhooksAddOptions = OptionsOf<typeof webhooksAddCommand>;
export type WebhooksListOptions = OptionsOf<typeof webhooksListCommand>;
export type WebhooksRemoveOptions = OptionsOf<typeof webhooksRemoveCommand>;
export type WebhooksEnableOptions = OptionsOf<typeof webhooksEnableCommand>;
export type WebhooksTestOptions = OptionsOf<typeof webhooksTestCommand>;
export type WebhooksDeliveriesOptions = OptionsOf<typeof webhooksDeliveriesCommand>;

const ID = "the webhook's id, as `webhooks list` shows it";

export const webhooksCommand = () =>
  withExamples(
    parentCommand('webhooks')
      .summary('send events to other services (run on the server)')
      .description(
        'Manage webhooks: URLs that the server sends a signed message to when a release is published, paused or yanked, or the store has trouble. Run this on the server: it opens the store directly, also while `serve` runs.',
      ),
    ['synckit-ota webhooks add https://ci.example.com/ota', 'synckit-ota webhooks list'],
  );

export const webhooksAddCommand = () =>
  withExamples(
    withStore(
      new Command('add')
        .argument('<url>', 'where messages are sent to (- to read it from stdin)')
        .summary('add a webhook')
        .description(
          'Add a webhook and print the secret that its messages are signed with, which is shown only once.',
        )
        .optionsGroup('Webhook options:')
        .addOption(
          appOption('only what happens to this app: its id, slug or name (default: all apps, and the store)'),
        )
        .option(
          '--events <list>',
          `only these, separated by commas (default: all): ${WEBHOOK_EVENTS.map(shortName).join(', ')}`,
        )
        .addOption(
          new Option(
            '--format <format>',
            'who reads the messages: json for programs, slack or discord for people',
          )
            .choices(WEBHOOK_FORMATS)
            .default('json' as const),
        )
        .option('--allow-private', 'let the URL lead to this machine or its own network'),
    ),
    [
      'synckit-ota webhooks add https://ci.example.com/ota --app my-app',
      'synckit-ota webhooks add - --format slack --events paused < url.txt',
    ],
  );

export const webhooksListCommand = () =>
  withExamples(
    withStore(
      new Command('list')
        .summary('list the webhooks')
        .description('List the webhooks. Of their URLs only the host is shown: the rest may be secret.')
        .optionsGroup('Webhook options:')
        .addOption(appOption("only this app's webhooks: its id, slug or name")),
    ),
    ['synckit-ota webhooks list', 'synckit-ota webhooks list --json'],
  );

export const webhooksRemoveCommand = () =>
  withExamples(
    withStore(
      new Command('remove')
        .argument('<webhook>', ID)
        .summary('remove a webhook')
        .description('Remove a webhook with its deliveries. What it was not sent yet is not sent any more.'),
    ),
    ['synckit-ota webhooks remove 0c7dd3a8-0f3e-4b0c-9f57-3c1a2b6f8d11'],
  );

export const webhooksEnableCommand = () =>
  withExamples(
    withStore(
      new Command('enable')
        .argument('<webhook>', ID)
        .summary('enable a webhook that the server has disabled')
        .description(
          'Enable a webhook that was disabled because nothing reached it for days. It gets what happens from now on.',
        ),
    ),
    ['synckit-ota webhooks enable 0c7dd3a8-0f3e-4b0c-9f57-3c1a2b6f8d11'],
  );

export const webhooksTestCommand = () =>
  withExamples(
    withStore(
      new Command('test')
        .argument('<webhook>', ID)
        .summary('send a test message')
        .description(
          'Send a webhook a message of the type `webhook.test` from here, and say what it answers.',
        ),
    ),
    ['synckit-ota webhooks test 0c7dd3a8-0f3e-4b0c-9f57-3c1a2b6f8d11'],
  );

export const webhooksDeliveriesCommand = () =>
  withExamples(
    withStore(
      new Command('deliveries')
        .argument('<webhook>', ID)
        .summary('show what a webhook was sent')
        .description(
          'Show the messages of a webhook, the latest last: what became of each, and when it is tried again. Of those that have ended the last 100 are kept.',
        )
        .optionsGroup('Webhook options:')
        .option('--limit <n>', 'how many to show', '20'),
    ),
    [
      'synckit-ota webhooks deliveries 0c7dd3a8-0f3e-4b0c-9f57-3c1a2b6f8d11',
      'synckit-ota webhooks deliveries 0c7dd3a8-0f3e-4b0c-9f57-3c1a2b6f8d11 --json',
    ],
  );

/** `published` for `release.published`. */
function shortName(event: string): string {
  return event.replace(/^\w+\./, '');
}

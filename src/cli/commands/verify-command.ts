import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  headerOption,
  type OptionsOf,
  pubkeyOption,
  serverOption,
  sigstoreRootOption,
  slugOption,
  withOutput,
} from '../options/shared-options.ts';

export type VerifyOptions = OptionsOf<typeof verifyCommand>;

export const verifyCommand = () =>
  withExamples(
    withOutput(
      new Command('verify')
        .argument(
          '<version or file>',
          'a live version; or a manifest or attestation; or a file of a release, with --manifest or --attestation',
        )
        .summary('verify a release by what was signed about it')
        .description(
          'Verify a release by its signed manifest, by its attestation, or by both: download each of its files from the server and compare it with what was signed. Works without a server for a manifest or attestation that was downloaded, and for a file beside it.',
        )
        .optionsGroup('Verify options:')
        .addOption(
          pubkeyOption(
            'the minisign public key that the manifest is signed with (default: the attestation alone is verified)',
          ),
        )
        .option('--manifest <file>', "use this manifest instead of the server's; nothing is downloaded")
        .option(
          '--attestation <file>',
          "use this attestation instead of the server's, a Sigstore bundle or several; nothing is downloaded",
        )
        .option(
          '--attestation-identity <url>',
          'who must have attested the release: the URL of the workflow, with or without @ref',
        )
        .option(
          '--attestation-issuer <url>',
          'what issued the identity (default: that of github.com or gitlab.com, for theirs)',
        )
        .addOption(sigstoreRootOption())
        .addOption(serverOption('required for a version without --manifest or --attestation'))
        .addOption(headerOption())
        .addOption(slugOption("the app's slug; required for a version without --manifest or --attestation")),
    ),
    [
      'synckit-ota verify 1.2.0 --slug my-app --pubkey my-app.key.pub',
      'synckit-ota verify 1.2.0 --slug my-app --attestation-identity \\\n      https://github.com/octo/my-app/.github/workflows/release.yml',
      'synckit-ota verify MyApp.AppImage --manifest 1.2.0.intoto.jsonl \\\n      --pubkey my-app.key.pub',
    ],
  );

import { CHANNEL_RULE, isChannel } from '../../protocol/channel.ts';
import { withoutEndSlashes } from '../../protocol/routes.ts';
import {
  HOSTED_ISSUERS,
  type Provider,
  type TrustedPublisher,
} from '../../protocol/trust/trusted-publisher.ts';
import { addressKind } from '../../runtime/network/internal-address.ts';
import { isLoopback } from '../../runtime/network/loopback.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import type { AppsTrustOptions } from './apps-command.ts';

type TrustOptions = Omit<AppsTrustOptions, 'only' | 'dataDir'>;

/** What a publisher's options say. */
export type ReadPublisher = Omit<TrustedPublisher, 'id' | 'appId' | 'createdAt'>;

/** Where each provider has its workflows. */
const FOLDERS: Readonly<Record<Provider, string>> = {
  github: '.github/workflows/',
  gitlab: '',
  forgejo: '.forgejo/workflows/',
};
const OWNER_AND_NAME = /^[\w.-]{1,100}\/[\w.-]{1,100}$/;
const PROJECT_PATH = /^[\w.-]{1,255}(?:\/[\w.-]{1,255}){1,20}$/;
const MAX_LENGTH = 255;

/** The publisher that options describe; undefined when none names a repository. */
export function readPublisher(options: TrustOptions, errors: OptionErrors): ReadPublisher | undefined {
  const { github, gitlab, forgejo, ref: refs = [] } = options;
  const given = Object.entries({ github, gitlab, forgejo }).filter(([, value]) => value !== undefined);
  if (given.length > 1) errors.add('give one of --github, --gitlab and --forgejo');
  const [provider, repository = ''] = (given[0] ?? []) as [Provider?, string?];
  if (provider === undefined) {
    rejectStray(options, errors);
    return undefined;
  }
  const pattern = provider === 'gitlab' ? PROJECT_PATH : OWNER_AND_NAME;
  if (!pattern.test(repository)) {
    errors.add(
      `--${provider} ${repository} is not a repository: give it like octo/my-app, without the server`,
    );
  }
  if (provider === 'forgejo' && options.protectedRefs === true) {
    errors.add('--protected-refs cannot be checked with --forgejo: use --ref');
  }
  for (const ref of refs) checkRef(ref, errors);
  const channels = [...new Set(options.channel)];
  for (const channel of channels) {
    if (!isChannel(channel)) errors.add(`--channel ${channel} must be ${CHANNEL_RULE}`);
  }
  return {
    provider,
    issuer: readIssuer(provider, options.issuer, errors),
    repository,
    repositoryId: readId('--repository-id', options.repositoryId, errors),
    ownerId: readId('--owner-id', options.ownerId, errors),
    workflow: readWorkflow(provider, options, errors),
    environment: readEnvironment(provider, options.environment, errors),
    refs,
    protectedRefs: options.protectedRefs ?? provider === 'gitlab',
    channels,
  };
}

function rejectStray(options: TrustOptions, errors: OptionErrors): void {
  const { workflow, ciConfig, environment, ref, protectedRefs, channel } = options;
  const others = [workflow, ciConfig, environment, ref, protectedRefs, channel];
  const { repositoryId, ownerId, issuer } = options;
  if ([...others, repositoryId, ownerId, issuer].some((value) => value !== undefined)) {
    errors.add('no repository given: pass --github, --gitlab or --forgejo');
  }
}

function readIssuer(provider: Provider, text: string | undefined, errors: OptionErrors): string {
  const hosted = HOSTED_ISSUERS[provider];
  if (text === undefined && hosted !== undefined) return hosted;
  if (text === undefined) {
    errors.add('no issuer given: pass --issuer, like https://codeberg.org/api/actions');
    return '';
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url));
  if (url === undefined || !isSecure || url.username || url.password || /[?#]/.test(text)) {
    errors.add(`--issuer ${text} must be an https URL without a query, like https://gitlab.example.com`);
  }
  const kind = url && addressKind(url.hostname.replace(/^\[|\]$/g, ''));
  if (kind === 'link_local') {
    errors.add(
      `--issuer ${text} leads to an address of the machine's own link, where clouds hand out credentials: give the issuer's name`,
    );
  }
  return withoutEndSlashes(text);
}

function readId(option: string, text: string | undefined, errors: OptionErrors): string | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,19}$/.test(text)) errors.add(`${option} ${text} must be a number`);
  return text;
}

/** The path of the file. A name alone is in the folder that the provider has for workflows. */
function readWorkflow(
  provider: Provider,
  { workflow, ciConfig }: TrustOptions,
  errors: OptionErrors,
): string {
  if (ciConfig !== undefined && provider !== 'gitlab')
    errors.add('--ci-config is for --gitlab: use --workflow');
  const text = workflow ?? ciConfig ?? (provider === 'gitlab' ? '.gitlab-ci.yml' : undefined);
  if (text === undefined) {
    errors.add('no workflow given: pass --workflow with its file, like release.yml');
    return '';
  }
  const path = text.includes('/') ? text : FOLDERS[provider] + text;
  const isPath = /^(?!\/)(?!.*\/\/)[^@\s]+\.ya?ml$/.test(path) && !path.split('/').includes('..');
  if (!isPath || path.length > MAX_LENGTH) {
    errors.add(`the workflow ${text} must be a .yml or .yaml file of the repository, like release.yml`);
  }
  return path;
}

function readEnvironment(provider: Provider, text: string | undefined, errors: OptionErrors): string | null {
  if (text === undefined) return null;
  if (provider === 'forgejo') errors.add('--environment is not for --forgejo, which has no environments');
  if (text.trim() !== text || text === '' || text.length > MAX_LENGTH || /\p{Cc}/u.test(text)) {
    errors.add(`--environment must be a name of 1 to ${MAX_LENGTH} characters without blanks around it`);
  }
  return text;
}

function checkRef(ref: string, errors: OptionErrors): void {
  if (/^refs\/(?:heads|tags)\/\S+$/.test(ref) && ref.length <= MAX_LENGTH) return;
  errors.add(`--ref ${ref} must begin with refs/heads/ or refs/tags/, like refs/tags/v*`);
}

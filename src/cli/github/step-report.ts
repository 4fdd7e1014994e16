import { platformName } from '../../protocol/platform.ts';
import type { PublishEvent } from '../../publish/publish-event.ts';
import type { Environment } from '../environment.ts';
import type { ErrorDocument } from '../output/error-document.ts';
import { GitHubActions } from './github-actions.ts';
import { failureSummary, resultSummary, type StepArtifact, type StepResult } from './step-summary.ts';

/** Tells the workflow that a command is a step of what it did: outputs, a summary, annotations. */
export class StepReport {
  readonly #github: GitHubActions;
  readonly #warnings: string[] = [];
  /** What is known while a publish is under way, for when it fails. */
  readonly #artifacts = new Map<string, StepArtifact>();
  #release: Pick<StepResult, 'version' | 'releaseId'> = {};
  #command = 'synckit-ota';

  /** Undefined when this process is no step of a workflow. */
  static from(environment: Environment): StepReport | undefined {
    const github = GitHubActions.from(environment);
    return github && new StepReport(github);
  }

  private constructor(github: GitHubActions) {
    this.#github = github;
  }

  /** @param command its name with its subcommand's, like `publish slug` */
  begin(command: string): void {
    this.#command = `synckit-ota ${command}`;
  }

  mask(secret: string): void {
    this.#github.mask(secret);
  }

  /** @param shown whether it is for the log too */
  warn(message: string, shown: boolean): void {
    this.#warnings.push(message);
    if (shown) this.#github.warning(message);
  }

  follow(event: PublishEvent): void {
    if ('release' in event) {
      const { id, version } = event.release;
      this.#release = event.type === 'rolled_back' ? {} : { version, releaseId: id };
    }
    if (event.type === 'refused') {
      for (const artifact of event.artifacts) this.#set(artifact, artifact.refused ? 'refused' : 'planned');
    } else if (event.type === 'verified') {
      const known = this.#artifacts.get(platformName(event.platform));
      if (known) this.#set(known, known.action, true);
    } else if (event.type === 'rolled_back') {
      for (const artifact of this.#artifacts.values()) this.#set(artifact, 'taken back');
    } else if (event.type === 'upload_started') {
      this.#set(event.artifact, 'not uploaded');
    } else if (event.type === 'uploaded' || event.type === 'skipped') {
      this.#set(event.artifact, event.type);
    }
  }

  /** The command did what it was asked for. */
  finish(result: StepResult): void {
    this.#setOutputs(result);
    this.#github.addSummary(resultSummary(this.#command, result, this.#warnings));
  }

  /** It did not. */
  fail(failure: ErrorDocument): void {
    const { message, hint } = failure;
    this.#github.error(hint === null ? message : `${message}\n${hint}`, this.#command);
    const result = { status: 'failed', ...this.#release, artifacts: [...this.#artifacts.values()] };
    if (this.#command.startsWith('synckit-ota publish')) this.#setOutputs(result);
    this.#github.addSummary(failureSummary(this.#command, failure, result, this.#warnings));
  }

  #setOutputs({ releaseId, version, status, checkUrl }: StepResult): void {
    const outputs = { 'release-id': releaseId, version, status, 'check-url': checkUrl };
    const known = Object.entries(outputs).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    this.#github.setOutputs(Object.fromEntries(known));
  }

  #set(artifact: Omit<StepArtifact, 'action' | 'verified'>, action: string, verified = false): void {
    this.#artifacts.set(platformName(artifact), { ...artifact, action, verified });
  }
}

import { platformName } from '../../protocol/platform.ts';
import type { PublishEvent } from '../../publish/publish-event.ts';
import type { Environment } from '../environment.ts';
import type { ErrorDocument } from '../output/error-document.ts';
import { type Lines, PrintableText } from '../printable/printable-text.ts';
import { GitHubActions } from './github-actions.ts';
import { failureSummary, resultSummary, type StepArtifact, type StepResult } from './step-summary.ts';

/** Reports a command to the workflow that it is a step of: outputs, a summary, annotations. */
export class StepReport {
  readonly #github: GitHubActions;
  readonly #printable: PrintableText;
  readonly #warnings: string[] = [];
  /** The files of a running publish, for the summary of a failure. */
  readonly #artifacts = new Map<string, StepArtifact>();
  #release: Pick<StepResult, 'version' | 'releaseId'> = {};
  #command = 'synckit-ota';

  /** Undefined when this process is not a step of a workflow. */
  static from(environment: Environment, printable = new PrintableText()): StepReport | undefined {
    const github = GitHubActions.from(environment);
    return github && new StepReport(github, printable);
  }

  private constructor(github: GitHubActions, printable: PrintableText) {
    this.#github = github;
    this.#printable = printable;
  }

  /** @param command its name with its subcommand's, like `publish slug` */
  begin(command: string): void {
    this.#command = `synckit-ota ${command}`;
  }

  mask(secret: string): void {
    this.#github.mask(secret);
  }

  /** @param shown whether it is logged too */
  warn(lines: Lines, shown: boolean): void {
    const text = this.#printable.lines(lines);
    this.#warnings.push(text);
    if (shown) this.#github.warning(text);
  }

  follow(event: PublishEvent): void {
    switch (event.type) {
      case 'release_created':
      case 'release_found':
      case 'went_live':
        this.#release = { version: event.release.version, releaseId: event.release.id };
        break;
      case 'rolled_back':
        this.#release = {};
        for (const artifact of this.#artifacts.values()) this.#set(artifact, 'rolled back');
        break;
      case 'refused':
        for (const artifact of event.artifacts) this.#set(artifact, artifact.refused ? 'refused' : 'planned');
        break;
      case 'verified': {
        const known = this.#artifacts.get(platformName(event.platform));
        if (known) this.#set(known, known.action, true);
        break;
      }
      case 'upload_started':
        this.#set(event.artifact, 'not uploaded');
        break;
      case 'uploaded':
      case 'skipped':
        this.#set(event.artifact, event.type);
        break;
      default: // nothing about a file or the release
    }
  }

  /** The command succeeded. */
  finish(result: StepResult): void {
    const printable = this.#masked(result);
    this.#setOutputs(printable);
    this.#github.addSummary(resultSummary(this.#command, printable, this.#warnings));
  }

  /** The command failed. @param lines of its message */
  fail(failure: ErrorDocument, lines: Lines = failure.message): void {
    const message = this.#printable.lines(lines);
    const hint = failure.hint && this.#printable.lines(failure.hint);
    this.#github.error(hint === null ? message : `${message}\n${hint}`, this.#command);
    const { version, releaseId } = this.#release;
    const result = this.#masked({
      status: 'failed',
      version,
      releaseId,
      artifacts: [...this.#artifacts.values()],
    });
    if (this.#command.startsWith('synckit-ota publish')) this.#setOutputs(result);
    this.#github.addSummary(
      failureSummary(this.#command, { ...failure, message, hint }, { ...result, warnings: this.#warnings }),
    );
  }

  #setOutputs({ releaseId, version, status, checkUrl }: StepResult): void {
    const outputs = { 'release-id': releaseId, version, status, 'check-url': checkUrl };
    const known = Object.entries(outputs).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, this.#printable.lines(value)]],
    );
    this.#github.setOutputs(Object.fromEntries(known));
  }

  #masked(result: StepResult): StepResult {
    return JSON.parse(this.#printable.json(result));
  }

  #set(artifact: Omit<StepArtifact, 'action' | 'verified'>, action: string, verified = false): void {
    this.#artifacts.set(platformName(artifact), { ...artifact, action, verified });
  }
}

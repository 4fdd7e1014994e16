import { randomUUID } from 'node:crypto';
import { appendFileSync, fstatSync } from 'node:fs';
import { messageOf } from '../../runtime/error-details.ts';
import type { Environment } from '../environment.ts';
import { workflowCommand } from './workflow-command.ts';

/** The outputs, summary and annotations of a step in a GitHub workflow. Commands go to stderr: stdout may be JSON. */
export class GitHubActions {
  readonly #outputFile: string | undefined;
  readonly #summaryFile: string | undefined;
  readonly #masked = new Set<string>();

  /** Undefined when this process is not such a step. */
  static from(environment: Environment): GitHubActions | undefined {
    return environment.GITHUB_ACTIONS === 'true' ? new GitHubActions(environment) : undefined;
  }

  private constructor({ GITHUB_OUTPUT, GITHUB_STEP_SUMMARY }: Environment) {
    this.#outputFile = GITHUB_OUTPUT;
    this.#summaryFile = GITHUB_STEP_SUMMARY;
  }

  /** Keeps a text out of the log from here on. The runner may know it already; twice is harmless. */
  mask(secret: string): void {
    // A text with these can be no secret that is sent, and would command a terminal.
    if (secret === '' || this.#masked.has(secret) || /\p{Cc}/u.test(secret)) return;
    // A file is no log that the runner reads, and the secret would stay in it.
    if (isFile(process.stderr.fd)) return;
    this.#masked.add(secret);
    this.#command('add-mask', secret);
  }

  error(message: string, title: string): void {
    this.#command('error', message, { title });
  }

  warning(message: string): void {
    this.#command('warning', message);
  }

  /** The step's outputs, with values of any text. */
  setOutputs(outputs: Readonly<Record<string, string>>): void {
    const entries = Object.entries(outputs).map(([name, value]) => {
      const delimiter = `end-${randomUUID()}`; // which no value can contain
      return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
    });
    this.#append('GITHUB_OUTPUT', this.#outputFile, entries.join(''));
  }

  /** Adds Markdown to the page of the workflow's run. */
  addSummary(markdown: string): void {
    this.#append('GITHUB_STEP_SUMMARY', this.#summaryFile, markdown);
  }

  /** A file that cannot be written must not fail what was done already. */
  #append(variable: string, file: string | undefined, text: string): void {
    if (!file || text === '') return;
    try {
      appendFileSync(file, text);
    } catch (error) {
      this.warning(`the results could not be written to $${variable}: ${messageOf(error)}`);
    }
  }

  #command(name: string, message: string, properties?: Readonly<Record<string, string>>): void {
    process.stderr.write(`${workflowCommand(name, message, properties)}\n`);
  }
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}

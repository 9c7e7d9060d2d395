import picocolors from 'picocolors';
import { GitHubLog, isGitHub } from './github/github-log.ts';
import { jsonWithoutCommands } from './github/workflow-command.ts';
import type { OutputStream, ProcessEdge } from './process-edge.ts';

export type OutputOptions = {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
};

/** Colours of a stream: none when it is not a terminal or NO_COLOR is set. */
export type Colours = ReturnType<typeof picocolors.createColors>;

/** Terminals with a line that the next one takes the place of: an error comes from another Output than the progress. */
const transients = new WeakSet<OutputStream>();

/**
 * Where a command's words go. With --json the result is one object on stdout and all else goes to stderr; without, the
 * result is text on stdout. --quiet leaves results, warnings and errors.
 */
export class Output {
  readonly options: OutputOptions;
  readonly colours: Colours;
  readonly width: number;
  /** How this command is called again: npx and npm scripts find it where a shell does not. */
  readonly command: string;
  /** In a job of GitHub Actions only. */
  readonly github: GitHubLog | undefined;
  private readonly stdout: OutputStream;
  private readonly stderr: OutputStream;

  constructor(edge: ProcessEdge, options: OutputOptions) {
    this.options = options;
    this.stdout = edge.stdout;
    this.stderr = edge.stderr;
    this.github = isGitHub(edge) ? new GitHubLog(edge) : undefined;
    this.colours = picocolors.createColors(
      wantsColour(edge, options.json === true ? edge.stderr : edge.stdout),
    );
    const isFromNpm = (edge.environment['npm_command'] ?? '') !== '';
    this.command = isFromNpm ? 'npx ota-build' : 'ota-build';
    this.width = Math.max(60, Math.min(edge.stdout.columns ?? 100, 120));
  }

  /** The result of a command: an object for --json, text otherwise. */
  result(json: unknown, text: () => string): void {
    this.clearTransient();
    if (this.options.json === true) this.stdout.write(`${this.toJson(json, 2)}\n`);
    else this.stdout.write(withNewline(text()));
  }

  /** A result that is JSON whatever was asked for, on one line: for programs that take a line. */
  line(json: unknown): void {
    this.clearTransient();
    this.stdout.write(`${this.toJson(json)}\n`);
  }

  /** What is going on; silenced by --quiet. */
  progress(text: string): void {
    if (this.options.quiet === true) return;
    this.clearTransient();
    this.stderr.write(withNewline(text));
  }

  /** True when a line that changes in place can be shown. */
  get isLive(): boolean {
    return this.stderr.isTTY === true && this.options.quiet !== true;
  }

  /** A line on a terminal that the next one, of any kind, takes the place of. */
  transient(text: string): void {
    if (!this.isLive) return;
    this.stderr.write(`\r\u001b[K${text}`);
    transients.add(this.stderr);
  }

  /** What must be read: warnings and errors. */
  alert(text: string): void {
    this.clearTransient();
    this.stderr.write(withNewline(text));
  }

  private toJson(value: unknown, indent?: number): string {
    const json = JSON.stringify(value, null, indent);
    return this.github === undefined ? json : jsonWithoutCommands(json);
  }

  private clearTransient(): void {
    if (transients.delete(this.stderr)) this.stderr.write('\r\u001b[K');
  }
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function wantsColour({ environment }: ProcessEdge, stream: OutputStream): boolean {
  const isSet = (name: string): boolean => (environment[name] ?? '') !== '';
  if (isSet('NO_COLOR')) return false;
  return isSet('FORCE_COLOR') || stream.isTTY === true;
}

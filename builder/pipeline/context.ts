import { InterruptedError } from '../errors/families.ts';

/** Something that does not stop a release but that its users must know: printed, and carried by the manifest. */
export type Warning = { readonly code: string; readonly message: string };

/** How far a long step is. */
export type Progress = {
  readonly done: number;
  readonly total: number;
  /** What is being done right now. */
  readonly step: string;
};

/** What a run tells whoever renders it. Stages never print. */
export type RunEvent =
  | { readonly kind: 'stage-started'; readonly key: string; readonly title: string }
  | {
      readonly kind: 'stage-finished';
      readonly key: string;
      readonly title: string;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'stage-skipped';
      readonly key: string;
      readonly title: string;
      readonly reason: string;
    }
  | { readonly kind: 'note'; readonly message: string }
  | ({ readonly kind: 'progress' } & Progress)
  | ({ readonly kind: 'warning' } & Warning);

export type ContextOptions = {
  /** The user's project: where its profiles/, keys/ and firmware/ are looked up first. */
  readonly projectDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
  /** Asks for a passphrase or PIN without echo; undefined where nobody can be asked (CI, no terminal). */
  readonly askSecret?: ((question: string) => Promise<string>) | undefined;
};

/** What every stage of a run shares. */
export class Context {
  readonly projectDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly warnings: Warning[] = [];
  readonly emit: (event: RunEvent) => void;
  readonly askSecret: ((question: string) => Promise<string>) | undefined;
  private readonly cleanups: (() => Promise<void>)[] = [];

  constructor(options: ContextOptions) {
    this.projectDirectory = options.projectDirectory;
    this.environment = options.environment;
    this.signal = options.signal;
    this.emit = options.emit;
    this.askSecret = options.askSecret;
  }

  note(message: string): void {
    this.emit({ kind: 'note', message });
  }

  progress(progress: Progress): void {
    this.emit({ kind: 'progress', ...progress });
  }

  warn(code: string, message: string): void {
    if (this.warnings.some((warning) => warning.code === code && warning.message === message))
      return;
    this.warnings.push({ code, message });
    this.emit({ kind: 'warning', code, message });
  }

  /** Registers what undoes a step; run, last first, when the run fails or is interrupted. */
  onFailure(cleanup: () => Promise<void>): void {
    this.cleanups.push(cleanup);
  }

  /** Undoes what the run did so far. */
  async cleanUp(): Promise<void> {
    for (const cleanup of this.cleanups.splice(0).reverse()) await cleanup();
  }

  /** Throws InterruptedError once SIGINT or SIGTERM has arrived; called wherever stopping is safe. */
  throwIfInterrupted(): void {
    if (!this.signal.aborted) return;
    throw this.signal.reason instanceof InterruptedError
      ? this.signal.reason
      : new InterruptedError('SIGINT');
  }
}

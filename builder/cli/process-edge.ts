/** What the process gives to the command line: everything that a test wants to replace. */
export type ProcessEdge = {
  readonly version: string;
  readonly signal: AbortSignal;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Where workflow commands go, when `stdout` and `stderr` let none through (a job of GitHub Actions). */
  readonly commands?: OutputStream;
  /** Undefined where nothing can be asked. */
  readonly stdin?: TerminalInput;
};

/** What of a terminal's input is needed to ask for a secret. */
export type TerminalInput = {
  readonly isTTY?: boolean;
  readonly setRawMode: (raw: boolean) => unknown;
  readonly resume: () => unknown;
  readonly pause: () => unknown;
  readonly on: (event: 'data' | 'end', listener: (chunk: Uint8Array) => void) => unknown;
  readonly off: (event: 'data' | 'end', listener: (chunk: Uint8Array) => void) => unknown;
};

export type OutputStream = {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
};

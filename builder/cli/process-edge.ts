/** What the process gives to the command line: everything that a test wants to replace. */
export type ProcessEdge = {
  readonly version: string;
  readonly signal: AbortSignal;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
};

export type OutputStream = {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
};

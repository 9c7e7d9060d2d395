/** Where a request failed in a way that another try can mend: a cut connection, a server that is busy. */
export class RetriableError extends Error {
  readonly pauseMs: number | undefined;
  constructor(message: string, pauseMs?: number) {
    super(message);
    this.pauseMs = pauseMs;
  }
}

/** The last moment that a Date can hold (ECMAScript, Time Values and Time Range). */
const LAST_MS = 8.64e15;

/** ` until <time>` in UTC, for a message; empty for what is no moment to come: a server may say anything. */
export function untilTime(milliseconds: number): string {
  const isTime = milliseconds > 0 && milliseconds <= LAST_MS;
  return isTime ? ` until ${new Date(milliseconds).toISOString()}` : '';
}

/** A revision field (major * 100 + minor) as esptool prints it: `v3.99`. */
export function formatRevision(full: number): string {
  return `v${Math.floor(full / 100)}.${full % 100}`;
}

/** The same for an upper limit, where 0 and 65535 mean that there is none: null. */
export function formatRevisionLimit(full: number): string | null {
  return full === 0 || full === 0xffff ? null : formatRevision(full);
}

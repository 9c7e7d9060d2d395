import { compare, parse } from 'semver';

/** The channel of a version that has no prerelease part. */
export const STABLE = 'stable';
const CHANNEL = /^[a-z][a-z0-9-]{0,31}$/;

/** True for what can name a channel: it also names a file. */
export function isChannel(name: string): boolean {
  return CHANNEL.test(name);
}

/**
 * The channel that a version says by itself: `stable` without a prerelease part, else its first identifier where that is a
 * word (`1.3.0-beta.2` is beta), else `prerelease`. Undefined for a version that semver cannot read. Source: semver.org
 * 2.0.0, items 9 and 10; a leading `v` is passed over, as git tags have it.
 */
export function channelOf(version: string): string | undefined {
  const parsed = parse(version);
  if (parsed === null) return undefined;
  const [first] = parsed.prerelease;
  if (first === undefined) return STABLE;
  const word = typeof first === 'string' ? first.toLowerCase() : '';
  return isChannel(word) && word !== STABLE ? word : 'prerelease';
}

/** Negative when `a` is older than `b` by semver, 0 for the same precedence; undefined when one of them cannot be compared. */
export function compareVersions(a: string, b: string): number | undefined {
  const [left, right] = [parse(a), parse(b)];
  return left === null || right === null ? undefined : compare(left, right);
}

/** Orders versions newest first; those that semver cannot read come last, by name. */
export function newestFirst(a: string, b: string): number {
  const order = compareVersions(b, a);
  if (order !== undefined && order !== 0) return order;
  const readable = Number(parse(b) !== null) - Number(parse(a) !== null);
  return readable !== 0 ? readable : a < b ? 1 : -1;
}

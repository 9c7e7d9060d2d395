import { ProfileError } from '../errors/families.ts';

/** 9999-12-31: the last date whose year has four digits. */
const LAST_SECOND = 253402300799;

/**
 * The time that a release carries: SOURCE_DATE_EPOCH (seconds since 1970, reproducible-builds.org) when it is set, now
 * otherwise; whole seconds. Throws ProfileError when SOURCE_DATE_EPOCH is not such a number.
 */
export function sourceDate(environment: Readonly<Record<string, string | undefined>>): Date {
  const value = environment['SOURCE_DATE_EPOCH'];
  if (value === undefined || value === '') return new Date(Math.floor(Date.now() / 1000) * 1000);
  const seconds = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
  if (!(seconds <= LAST_SECOND)) {
    throw new ProfileError(
      'SOURCE_DATE_INVALID',
      `SOURCE_DATE_EPOCH is '${value}'; expected seconds since 1970, such as 1717311095`,
    );
  }
  return new Date(seconds * 1000);
}

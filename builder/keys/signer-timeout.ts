import { UsageError } from '../errors/families.ts';
import { environmentValue, type SecretOptions } from './secret-source.ts';

const DEFAULT_SECONDS = 60;
const DAY_SECONDS = 86_400;

/**
 * How long a signer outside this process may take, in milliseconds: OTA_BUILD_SIGNER_TIMEOUT in seconds, else a minute. Throws
 * UsageError for a value that is not a number of seconds of up to a day.
 */
export function signerTimeout(options: Pick<SecretOptions, 'environment'>): number {
  const text = environmentValue('OTA_BUILD_SIGNER_TIMEOUT', options);
  if (text === undefined) return DEFAULT_SECONDS * 1000;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= DAY_SECONDS) return Math.ceil(seconds * 1000);
  throw new UsageError(
    'USAGE',
    `OTA_BUILD_SIGNER_TIMEOUT is not a number of seconds from 1 to ${DAY_SECONDS}`,
  );
}

import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where fetched sources and finished builds are kept: OTA_BUILD_CACHE, else ota-build in XDG_CACHE_HOME or ~/.cache (XDG
 * Base Directory Specification). All of it can be deleted at any time.
 */
export function cacheDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const named = environment['OTA_BUILD_CACHE'];
  if (named !== undefined && named !== '') return named;
  const base = environment['XDG_CACHE_HOME'];
  const home = environment['HOME'] ?? homedir();
  return join(base !== undefined && base !== '' ? base : join(home, '.cache'), 'ota-build');
}

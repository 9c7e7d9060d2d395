import { ProfileError } from '../errors/families.ts';

/**
 * Throws ProfileError for a path that CMake cannot be given: it takes a semicolon for the end of a list's item, and has no way to
 * say otherwise that every script would honour.
 */
export function requirePlainPath(path: string): void {
  if (!/[;"\\$\r\n]/.test(path)) return;
  throw new ProfileError(
    'MICROPYTHON_INVALID',
    `${path} cannot be built in: CMake does not take ; " \\ or $ in the names of directories`,
    { where: { file: path }, hint: 'Move the directory, or set OTA_BUILD_CACHE to another one.' },
  );
}

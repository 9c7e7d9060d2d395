import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SigningError } from '../errors/families.ts';
import type { Pkcs11Uri } from './pkcs11-uri.ts';
import { environmentValue, type SecretOptions } from './secret-source.ts';

const MODULE_VARIABLE = 'OTA_BUILD_PKCS11_MODULE';
const LIBRARY_FOLDERS = ['/usr/local/lib', '/usr/lib64', '/usr/lib', '/opt/homebrew/lib'];
const EXTENSIONS = ['.so', '.dylib', '.dll'];

/**
 * The shared library of a PKCS#11 module: the URI's module-path, its module-name looked up where systems keep modules, else
 * OTA_BUILD_PKCS11_MODULE. Throws SigningError (KEY_REFERENCE) where none is named or the named one is not there.
 */
export function findModule({ modulePath, moduleName }: Pkcs11Uri, options: SecretOptions): string {
  if (modulePath === undefined && moduleName !== undefined) return findByName(moduleName);
  const named = modulePath ?? environmentValue(MODULE_VARIABLE, options);
  if (named === undefined) {
    throw new SigningError('KEY_REFERENCE', 'the pkcs11: reference names no module', {
      hint: `Add ?module-path=/path/to/module.so (the HSM's vendor says where it is), or set ${MODULE_VARIABLE}.`,
    });
  }
  const path = resolve(options.projectDirectory, named);
  if (existsSync(path)) return path;
  throw new SigningError('KEY_REFERENCE', `there is no PKCS#11 module at ${named}`);
}

function findByName(name: string): string {
  const names = [name, `lib${name}`].flatMap((stem) => EXTENSIONS.map((end) => `${stem}${end}`));
  const found = moduleFolders()
    .flatMap((folder) => names.map((each) => join(folder, each)))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new SigningError(
    'KEY_REFERENCE',
    `there is no PKCS#11 module named ${name} where modules are kept`,
    { hint: 'Name its file: ?module-path=/path/to/module.so' },
  );
}

/** The library folders, those for this processor (`/usr/lib/x86_64-linux-gnu`), and in each the ones that modules use. */
function moduleFolders(): readonly string[] {
  const processors = listed('/usr/lib').filter((name) => /-linux-(gnu|musl)/.test(name));
  return [...processors.map((name) => join('/usr/lib', name)), ...LIBRARY_FOLDERS].flatMap(
    (folder) => [join(folder, 'pkcs11'), join(folder, 'softhsm'), folder],
  );
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

import { SigningError } from '../errors/families.ts';
import { PASSPHRASE_VARIABLE } from '../process/child-environment.ts';
import {
  environmentValue,
  readSecret,
  type SecretOptions,
  type SecretSource,
} from './secret-source.ts';

/**
 * The passphrase of an existing key: from the source that its reference names, else OTA_BUILD_KEY_PASSPHRASE, else whoever
 * sits at the terminal. `name` is the key as messages show it. Throws SigningError (PASSPHRASE_MISSING) where nobody can be asked.
 */
export async function passphraseOf(
  name: string,
  source: SecretSource | undefined,
  options: SecretOptions,
): Promise<string> {
  if (source !== undefined) return readSecret(source, options);
  const set = environmentValue(PASSPHRASE_VARIABLE, options);
  if (set !== undefined) return set;
  if (options.askSecret !== undefined) return options.askSecret(`Passphrase of ${name}: `);
  throw new SigningError(
    'PASSPHRASE_MISSING',
    `${name} is guarded by a passphrase, and there is nobody to ask for it`,
    {
      hint: `Set ${PASSPHRASE_VARIABLE}, or name where it is kept: file:KEY?passphrase-source=file:PATH (or env:NAME).`,
    },
  );
}

/**
 * A passphrase for a new key, from the same places; at the terminal it is asked for twice. Throws SigningError
 * (PASSPHRASE_MISSING) where there is none, it is empty, or the two differ.
 */
export async function newPassphrase(
  source: SecretSource | undefined,
  options: SecretOptions,
): Promise<string> {
  if (source !== undefined) return readSecret(source, options);
  const set = environmentValue(PASSPHRASE_VARIABLE, options);
  if (set !== undefined) return set;
  const { askSecret } = options;
  if (askSecret === undefined) {
    throw new SigningError(
      'PASSPHRASE_MISSING',
      'a private key is written under a passphrase; none was given, and there is nobody to ask for one',
      {
        hint: `Set ${PASSPHRASE_VARIABLE}, name where it is kept with --passphrase-source file:PATH (or env:NAME), or use --unencrypted if the file is safe without.`,
      },
    );
  }
  const passphrase = await askSecret('Passphrase for the new key: ');
  if (passphrase === '') throw new SigningError('PASSPHRASE_MISSING', 'the passphrase is empty');
  if ((await askSecret('The same again: ')) === passphrase) return passphrase;
  throw new SigningError('PASSPHRASE_MISSING', 'the two passphrases differ; no key was made');
}

/** Environment variables that hold secrets of ours. */
export const PASSPHRASE_VARIABLE = 'OTA_BUILD_KEY_PASSPHRASE';
export const PIN_VARIABLE = 'OTA_BUILD_PKCS11_PIN';

type Environment = Readonly<Record<string, string | undefined>>;

/** An environment for a program that signs: all but our own secrets. */
export function withoutSecrets(environment: Environment): Record<string, string | undefined> {
  return { ...environment, [PASSPHRASE_VARIABLE]: undefined, [PIN_VARIABLE]: undefined };
}

/**
 * An environment for any other program, such as a compiler: without private keys in PEM too, whatever their variables are
 * called (`--key env:NAME`).
 */
export function withoutKeys(environment: Environment): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(withoutSecrets(environment)).filter(
      ([, value]) => value?.includes('PRIVATE KEY-----') !== true,
    ),
  );
}

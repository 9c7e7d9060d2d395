/** Environment variables that hold secrets of ours. */
export const PASSPHRASE_VARIABLE = 'OTA_BUILD_KEY_PASSPHRASE';
export const PIN_VARIABLE = 'OTA_BUILD_PKCS11_PIN';

/** Variables that key references name as places of a passphrase or PIN. */
const named = new Set<string>();

/** From now on `withoutKeys` leaves out this variable: a key reference says that it holds a secret. */
export function rememberSecretVariable(name: string): void {
  named.add(name);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An environment for a program that signs: all but our own secrets. */
export function withoutSecrets(environment: Environment): Record<string, string | undefined> {
  return { ...environment, [PASSPHRASE_VARIABLE]: undefined, [PIN_VARIABLE]: undefined };
}

/**
 * An environment for any other program, such as a compiler: without private keys in PEM too, whatever their variables are
 * called (`--key env:NAME`), and without what key references named as a passphrase or PIN (`pin-source=env:NAME`).
 */
export function withoutKeys(environment: Environment): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(withoutSecrets(environment)).filter(
      ([name, value]) => !named.has(name) && value?.includes('PRIVATE KEY-----') !== true,
    ),
  );
}

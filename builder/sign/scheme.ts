import type { SignatureScheme } from '../chip/chip.ts';

/** What `sign` can make: the schemes of Secure Boot V2, and the one of Secure Boot V1 (ECDSA on P-256). */
export type SigningScheme = SignatureScheme | 'v1';

/** The scheme as messages name it. */
export function schemeTitle(scheme: SigningScheme): string {
  return scheme === 'v1' ? 'Secure Boot V1' : scheme;
}

/** The kind of key that signs with a scheme. */
export function keySchemeOf(scheme: SigningScheme): SignatureScheme {
  return scheme === 'v1' ? 'ecdsa256' : scheme;
}

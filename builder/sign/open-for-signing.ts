import { resolve } from 'node:path';
import { readInput } from '../files/read-input.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { openInTurn } from '../keys/open-in-turn.ts';
import { openSigner, type OpenOptions } from '../keys/open-signer.ts';
import type { Signer } from '../keys/signer.ts';
import { detachedSigner } from './detached/detached-signer.ts';
import { readPublicKeys, type PublicKeyFile } from './detached/public-key-file.ts';
import { wrongBytesOf } from './detached/wrong-bytes.ts';
import { refuseHiddenDevelopmentKey } from './open-signers.ts';
import {
  prepareSigning,
  schemeToExpect,
  type Examined,
  type Prepared,
  type PrepareOptions,
} from './prepare.ts';
import { keySchemeOf } from './scheme.ts';
import { requireCount, requireFitting } from './sign-file.ts';

/** What the opening of keys needs, and how the file is padded. */
export type KeyOptions = Omit<OpenOptions, 'scheme'> & { readonly securePad?: boolean };

/** Who signs: keys by their references, then signatures from elsewhere, each with the public key in the same place. */
export type NamedKeys = {
  readonly keys: readonly string[];
  readonly signatures: readonly string[];
  readonly publicKeys: readonly string[];
};

/** No signature is larger, in text either. */
const SIGNATURE_LIMIT = 64 * 1024;

/**
 * Opens everything that signs a file, one key after the other, and decides how it is signed. A key is opened, which can mean
 * a question for its PIN, only when nothing that is known without it speaks against signing. Throws SigningError.
 */
export async function openForSigning(
  examined: Examined,
  named: NamedKeys,
  options: KeyOptions,
): Promise<{ readonly prepared: Prepared; readonly signers: readonly Signer[] }> {
  const { keys } = named;
  requireCount(examined, examined.scheme, keys.length + named.publicKeys.length);
  const publicKeys = await readPublicKeys(options, named.publicKeys);
  const prepare = (keyScheme?: SignatureScheme): Prepared =>
    prepareSigning(examined, paddingAndScheme(options, keyScheme));
  const known = schemeWithoutKeys(examined, keys, publicKeys);
  let prepared = known === undefined ? undefined : prepare(known);
  const elsewhere =
    prepared === undefined ? [] : await openDetached(prepared, named, { publicKeys, ...options });
  for (const signer of elsewhere) refuseHiddenDevelopmentKey(signer, options.environment);
  const own = await openInTurn(keys, async (reference, opened) => {
    const scheme = keySchemeOf(prepared?.scheme ?? schemeToExpect(examined));
    const signer = await openSigner(reference, { ...options, scheme });
    refuseHiddenDevelopmentKey(signer, options.environment);
    prepared ??= prepare(signer.scheme);
    requireFitting(prepared, [...opened, signer, ...elsewhere]);
    return signer;
  });
  return { prepared: prepared ?? prepare(), signers: [...own, ...elsewhere] };
}

/** The scheme of the keys as far as anything but private keys tells it; a development key is made to fit. */
function schemeWithoutKeys(
  examined: Examined,
  [key]: readonly string[],
  [publicKey]: readonly PublicKeyFile[],
): SignatureScheme | undefined {
  if (publicKey !== undefined) return publicKey.fields.scheme;
  const isDecided = examined.scheme !== undefined || examined.kept !== undefined || key === 'dev';
  return isDecided ? keySchemeOf(schemeToExpect(examined)) : undefined;
}

/** Signatures from elsewhere, each of which holds. */
async function openDetached(
  prepared: Prepared,
  { signatures }: NamedKeys,
  {
    publicKeys,
    projectDirectory,
  }: { readonly publicKeys: readonly PublicKeyFile[]; readonly projectDirectory: string },
): Promise<readonly Signer[]> {
  const wrongBytes = wrongBytesOf(prepared);
  const signers: Signer[] = [];
  for (const [index, publicKey] of publicKeys.entries()) {
    const name = signatures[index] ?? '';
    const path = resolve(projectDirectory, name);
    const bytes = await readInput(path, 'a signature', SIGNATURE_LIMIT);
    const others = { wrongBytes, otherKeys: publicKeys };
    signers.push(detachedSigner({ name, bytes, publicKey }, others));
  }
  if (signers.length > 0) requireFitting(prepared, signers);
  for (const { sign } of signers) await sign(prepared.contents);
  return signers;
}

/** Leaves out what was not said. */
export function paddingAndScheme(
  { securePad }: Pick<KeyOptions, 'securePad'>,
  keyScheme: SignatureScheme | undefined,
): PrepareOptions {
  return {
    ...(securePad === undefined ? {} : { securePad }),
    ...(keyScheme === undefined ? {} : { keyScheme }),
  };
}

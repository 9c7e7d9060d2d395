import { createHash } from 'node:crypto';
import { FormatError, SigningError } from '../errors/families.ts';
import { keyDigest, type PublicKeyFields } from '../format/signature-block.ts';
import { publicKeyFields } from '../format/signature-key.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import { signatureForms } from './signature-forms.ts';
import { describeSignatureProblem } from './signature-problem.ts';
import type { KeyHolder, Signer, SignRequest } from './signer.ts';
import { signatureHolds } from './verify-signature.ts';

/**
 * A signer that believes nothing: whatever the key holder answers is verified with its public key before it is handed
 * out. Throws SigningError (KEY_WRONG_TYPE) for a key that Secure Boot V2 has no scheme for; `sign` rejects with SigningError
 * (SIGNATURE_SELF_CHECK), which names what was done wrong.
 */
export function checkedSigner(holder: KeyHolder): Signer {
  const { reference, publicKey, development } = holder;
  const fields = supportedFields(holder);
  const { scheme } = fields;
  const { hash } = SIGNATURE_SCHEMES[scheme];
  const earlier: SignRequest[] = [];
  return {
    reference,
    scheme,
    publicKey,
    digest: keyDigest(fields),
    development,
    sign: async (contents) => {
      const digest = createHash(hash).update(contents).digest();
      const request: SignRequest = { scheme, hash, digest, contents };
      const answer = await holder.sign(request);
      const signature = signatureForms(answer, scheme).find((form) =>
        signatureHolds(publicKey, request, form),
      );
      if (signature === undefined) throw unusable(holder, { request, answer, earlier });
      earlier.push(request);
      return signature;
    },
  };
}

function supportedFields({ publicKey, reference }: KeyHolder): PublicKeyFields {
  try {
    return publicKeyFields(publicKey);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new SigningError('KEY_WRONG_TYPE', `${reference}: ${error.message}`, {
      hint: 'Make one with: ota-build keys generate FILE',
    });
  }
}

function unusable(
  { publicKey, reference, said }: KeyHolder,
  exchange: {
    readonly request: SignRequest;
    readonly answer: Buffer;
    readonly earlier: readonly SignRequest[];
  },
): SigningError {
  const { request, answer, earlier } = exchange;
  const stale = signatureForms(answer, request.scheme).some((form) =>
    earlier.some((past) => signatureHolds(publicKey, past, form)),
  );
  const problem = stale
    ? 'answered with the signature of an earlier request'
    : describeSignatureProblem(publicKey, request, answer);
  const words = said?.() ?? '';
  return new SigningError(
    'SIGNATURE_SELF_CHECK',
    `${reference} ${problem}; nothing was signed${words === '' ? '' : `; it said:\n${words}`}`,
    { hint: `What has to be signed is ${describeRequest(request)}.` },
  );
}

function describeRequest({ scheme, hash, digest }: SignRequest): string {
  const how = scheme === 'rsa3072' ? 'RSA-PSS (MGF1 with SHA-256, salt of 32 bytes)' : 'ECDSA';
  return `the ${hash} digest ${digest.toString('hex')}, as it is, with ${how}`;
}

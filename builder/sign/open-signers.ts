import type { SignatureScheme } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { SigningError } from '../errors/families.ts';
import { openSigner } from '../keys/open-signer.ts';
import type { Signer } from '../keys/signer.ts';
import type { Context } from '../pipeline/context.ts';
import type { Plan } from '../plan/plan.ts';

/**
 * Opens every key of a plan and proves that together they make a signature that the chip takes: one scheme, the one of
 * the plan, no key twice. Throws SigningError.
 */
export async function openSigners(context: Context, plan: Plan): Promise<readonly Signer[]> {
  const { signing } = plan;
  if (signing === null) return [];
  const signers: Signer[] = [];
  for (const reference of signing.keys) {
    const signer = await openSigner(reference, {
      projectDirectory: context.projectDirectory,
      environment: context.environment,
      scheme: signing.scheme,
      note: (message) => {
        context.note(message);
      },
      warn: (code, message) => {
        context.warn(code, message);
      },
    });
    requireScheme(signer, plan);
    const twin = signers.find(({ digest }) => digest.equals(signer.digest));
    if (twin !== undefined) {
      throw new SigningError(
        'KEY_DUPLICATE',
        `${twin.reference} and ${reference} are the same key (digest ${signer.digest.toString('hex')})`,
      );
    }
    signers.push(signer);
  }
  return signers;
}

function requireScheme(
  { scheme, reference }: Signer,
  { signing, chip: chipName, board }: Plan,
): void {
  if (signing === null || scheme === signing.scheme) return;
  const chip = findChipByName(chipName);
  const possible: readonly SignatureScheme[] = chip?.secureBootV2.schemes ?? [];
  if (!possible.includes(scheme)) {
    throw new SigningError(
      'SCHEME_UNSUPPORTED',
      `${reference} is an ${scheme} key; ${chip?.title ?? chipName} cannot verify that, it takes ${possible.join(', ')}`,
      { hint: `Make a key for it with: ota-build keys generate FILE --scheme ${signing.scheme}` },
    );
  }
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${reference} is an ${scheme} key, but the plan for ${board} signs with ${signing.scheme}`,
    {
      hint: `Name a ${signing.scheme} key, or choose the other with --scheme ${scheme} if the devices were built for it.`,
    },
  );
}

import type { SignatureScheme } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { SigningError } from '../errors/families.ts';
import { openInTurn } from '../keys/open-in-turn.ts';
import { openSigner } from '../keys/open-signer.ts';
import type { Signer } from '../keys/signer.ts';
import type { Context } from '../pipeline/context.ts';
import { isContinuousIntegration } from '../plan/continuous-integration.ts';
import type { Plan } from '../plan/plan.ts';

/**
 * Opens every key of a plan and proves that together they make a signature that the chip takes: one scheme, the one of
 * the plan, no key twice. Throws SigningError.
 */
export async function openSigners(context: Context, plan: Plan): Promise<readonly Signer[]> {
  const { signing } = plan;
  if (signing === null) return [];
  return openInTurn(signing.keys, async (reference, opened) => {
    const signer = await openSigner(reference, {
      projectDirectory: context.projectDirectory,
      environment: context.environment,
      askSecret: context.askSecret,
      signal: context.signal,
      scheme: signing.scheme,
      note: (message) => {
        context.note(message);
      },
      // For who signs, not for who gets the release: the manifest does not carry it.
      warn: (code, message) => {
        context.emit({ kind: 'warning', code, message });
      },
    });
    requireScheme(signer, plan);
    refuseHiddenDevelopmentKey(signer, context.environment);
    const twin = opened.find(({ digest }) => digest.equals(signer.digest));
    if (twin !== undefined) {
      throw new SigningError(
        'KEY_DUPLICATE',
        `${twin.reference} and ${reference} are the same key (digest ${signer.digest.toString('hex')})`,
      );
    }
    return signer;
  });
}

/** In CI a development key signs only when it is asked for by that name: a copy of one must not pass for a release key. */
export function refuseHiddenDevelopmentKey(
  { development, reference }: Signer,
  environment: Context['environment'],
): void {
  if (!development || reference === 'dev' || !isContinuousIntegration(environment)) return;
  throw new SigningError(
    'KEY_WRONG_TYPE',
    `${reference} is a development key, and this is CI (CI is set)`,
    {
      hint: 'Name a release key, or ask for a development key by its name: --key dev.',
    },
  );
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

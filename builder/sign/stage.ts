import { existsSync } from 'node:fs';
import { SigningError } from '../errors/families.ts';
import { securePadEspImage } from '../format/esp-image.ts';
import { developmentKeyPath } from '../keys/development-key.ts';
import type { Signer } from '../keys/signer.ts';
import type { LaidOut } from '../partition/laid-out.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import { isSignedHere, type Plan } from '../plan/plan.ts';
import { openSigners } from './open-signers.ts';
import { requireOwnBuildVerifies } from './own-build.ts';
import { signImage } from './sign-image.ts';
import type { Signed } from './signed.ts';

/** Keys that the preflight opened, before any work; a plan is signed with exactly those. */
const opened = new WeakMap<Plan, readonly Signer[]>();

/** Signs the app, and the bootloader where the profile says so. */
export const signStage: Stage<LaidOut, Signed> = {
  key: 'sign',
  title: 'signing',
  preflight: async (context, plan, { dryRun }) => {
    if (!isSignedHere(plan)) return;
    if (lacksDevelopmentKey(context, plan)) {
      // Made when everything before signing has worked out: a refusal must not leave a key behind.
      if (dryRun) context.note('a development key would be made under keys/dev/');
      return;
    }
    opened.set(plan, await openSigners(context, plan));
  },
  skip: (laidOut) =>
    laidOut.plan.signing === null
      ? { reason: 'not asked for; use --sign', output: { ...laidOut, signers: [] } }
      : undefined,
  run: async (context, laidOut) => {
    const { plan, chip, pageSize, bootloader } = laidOut;
    if (plan.signing !== null) requireOwnBuildVerifies(laidOut.app, chip, plan.signing.scheme);
    if (!isSignedHere(plan)) return readyToSign(context, laidOut);
    const signers = opened.get(plan) ?? (await openSigners(context, plan));
    announce(context, signers);
    const app = await signImage(laidOut.app, { secureBoot: { kind: 'app', pageSize }, signers });
    if (bootloader === undefined || plan.signing?.bootloader !== true)
      return { ...laidOut, app, signers };
    if (bootloader.signed) {
      throw new SigningError(
        'IMAGE_NOT_SIGNABLE',
        'the firmware brings a signed bootloader, and the profile asks to sign it',
        {
          hint: 'Set signing.bootloader to false to keep its signature.',
        },
      );
    }
    const bytes = await signImage(bootloader.bytes, {
      secureBoot: { kind: 'bootloader' },
      signers,
    });
    return { ...laidOut, app, bootloader: { ...bootloader, bytes, signed: true }, signers };
  },
};

/** What is signed later is padded now: signing then puts signatures behind these bytes, and changes none of them. */
function readyToSign(context: Context, laidOut: LaidOut): Signed {
  context.warn(
    'AWAITS_SIGNATURE',
    'this release is not signed yet: `ota-build sign DIRECTORY` makes a signed one of it',
  );
  const app = securePadEspImage(laidOut.app, laidOut.pageSize);
  return { ...laidOut, app, signers: [] };
}

function lacksDevelopmentKey({ projectDirectory }: Context, { signing }: Plan): boolean {
  if (signing?.keys.includes('dev') !== true) return false;
  return !existsSync(developmentKeyPath(projectDirectory, signing.scheme));
}

function announce(context: Context, signers: readonly Signer[]): void {
  for (const { reference, scheme, digest, development } of signers) {
    context.note(`signing with ${reference} (${scheme}), key digest ${digest.toString('hex')}`);
    if (development)
      context.warn(
        'DEVELOPMENT_KEY',
        `${reference} is a development key: this release is for trying out, never for devices in the field`,
      );
  }
}

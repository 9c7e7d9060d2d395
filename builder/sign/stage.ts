import { mmuPageSize } from '../chip/mmu-page.ts';
import { SigningError } from '../errors/families.ts';
import { developmentKeyPath } from '../keys/development-key.ts';
import type { Signer } from '../keys/signer.ts';
import type { LaidOut } from '../partition/laid-out.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import type { Plan } from '../plan/plan.ts';
import { existsSync } from 'node:fs';
import { openSigners } from './open-signers.ts';
import { signImage } from './sign-image.ts';
import type { Signed } from './signed.ts';

/** Keys are opened in the preflight, before any work; a plan is signed with exactly those. */
const opened = new WeakMap<Plan, readonly Signer[]>();

/** Signs the app, and the bootloader where the profile says so. */
export const signStage: Stage<LaidOut, Signed> = {
  key: 'sign',
  title: 'signing',
  preflight: async (context, plan, { dryRun }) => {
    if (plan.signing === null) return;
    const wouldMakeKey =
      plan.signing.keys.includes('dev') &&
      !existsSync(developmentKeyPath(context.projectDirectory, plan.signing.scheme));
    if (dryRun && wouldMakeKey) {
      context.note('a development key would be made under keys/dev/');
      return;
    }
    opened.set(plan, await openSigners(context, plan));
  },
  skip: (laidOut) =>
    laidOut.plan.signing === null
      ? { reason: 'not asked for; use --sign', output: { ...laidOut, signers: [] } }
      : undefined,
  run: async (context, laidOut) => {
    const { plan, chip, description, layout, bootloader } = laidOut;
    const signers = opened.get(plan) ?? [];
    if (signers.length === 0)
      throw new SigningError('KEY_MISSING', 'the plan is signed, but no key was opened');
    announce(context, signers);
    const pageSize = mmuPageSize(chip, description.mmuPageSizeLog2, layout.flash.size.bytes);
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

function announce(context: Context, signers: readonly Signer[]): void {
  for (const { reference, scheme, digest, development } of signers) {
    context.note(`signing with ${reference} (${scheme}), key digest ${digest.toString('hex')}`);
    if (development)
      context.warn(
        'DEVELOPMENT_KEY',
        `${reference} is a development key: this release is for trying out, publish refuses it`,
      );
  }
}

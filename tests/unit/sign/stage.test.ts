import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Chip } from '../../../builder/chip/chip.ts';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { esp32c5 } from '../../../builder/chip/esp32c5.ts';
import { SigningError } from '../../../builder/errors/families.ts';
import { parseAppDescription } from '../../../builder/format/app-desc.ts';
import { parseSignatureSector } from '../../../builder/format/signature-sector.ts';
import type { LaidOut } from '../../../builder/partition/laid-out.ts';
import type { Plan } from '../../../builder/plan/plan.ts';
import { openSigners } from '../../../builder/sign/open-signers.ts';
import { signStage } from '../../../builder/sign/stage.ts';
import { aContext, notesOf } from '../../support/contexts.ts';
import { makeApp, makeBootloader } from '../../support/firmware.ts';
import { pem } from '../../support/key-files.ts';
import { aPlan, OTA_TABLE } from '../../support/plans.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const FIRST = pem.pkcs8(aPrivateKey('ecdsa256'));
const VARIABLES = {
  FIRST,
  SAME: pem.sec1(aPrivateKey('ecdsa256')),
  SECOND: pem.pkcs8(aPrivateKey('ecdsa256', 'second')),
  THIRD: pem.pkcs8(aPrivateKey('ecdsa256', 'third')),
  P384: pem.pkcs8(aPrivateKey('ecdsa384')),
  RSA: pem.pkcs8(aPrivateKey('rsa3072')),
};

type Signing = NonNullable<Plan['signing']>;
const signedPlan = (
  keys: readonly string[],
  changes: Partial<Signing> = {},
  chip: Chip = esp32c3,
) =>
  aPlan({ signing: { scheme: 'ecdsa256', bootloader: false, keys: [...keys], ...changes } }, chip);

function laidOut(plan: Plan, changes: Partial<LaidOut> = {}): LaidOut {
  const app = makeApp({ chip: esp32c3 });
  const [ota0, otadataPartition] = [OTA_TABLE[3], OTA_TABLE[1]];
  if (ota0 === undefined || otadataPartition === undefined) throw new Error('no OTA table');
  return {
    plan,
    chip: esp32c3,
    app,
    description: parseAppDescription(app.subarray(32, 288)),
    pageSize: 0x10000,
    bootloader: { offset: 0, bytes: makeBootloader({ chip: esp32c3 }), signed: false },
    source: { kind: 'prebuilt', file: 'f', sha256: '', container: 'app', idfVersion: 'v5' },
    layout: {
      tableOffset: 0x8000,
      partitions: OTA_TABLE,
      table: Buffer.alloc(0),
      otadata: Buffer.alloc(0),
      otadataPartition,
      slots: [ota0],
      appSlot: ota0,
      flash: {
        mode: 'dio',
        frequency: '80m',
        size: { name: '4MB', code: 2, bytes: 0x400000 },
      },
    },
    ...changes,
  };
}

describe('the keys of a plan', () => {
  const open = (plan: Plan) => openSigners(aContext('/nowhere', VARIABLES).context, plan);

  test('are opened in their order', async () => {
    const signers = await open(signedPlan(['env:SECOND', 'env:FIRST', 'env:THIRD']));
    expect(signers.map(({ reference }) => reference)).toEqual([
      'env:SECOND',
      'env:FIRST',
      'env:THIRD',
    ]);
  });

  test('are none where nothing is to be signed', async () => {
    expect(await open(aPlan())).toEqual([]);
  });

  test('are refused when one of them is there twice', async () => {
    const error = await thrownBy(SigningError, () => open(signedPlan(['env:FIRST', 'env:SAME'])));
    expect(error.code).toBe('KEY_DUPLICATE');
    expect(error.message).toMatch(
      /^env:FIRST and env:SAME are the same key \(digest [0-9a-f]{64}\)$/,
    );
  });

  test('are refused when the chip cannot verify one of them', async () => {
    const plan = signedPlan(['env:FIRST'], { scheme: 'rsa3072' }, esp32);
    const error = await thrownBy(SigningError, () => open(plan));
    expect(error.code).toBe('SCHEME_UNSUPPORTED');
    expect(error.message).toBe(
      'env:FIRST is an ecdsa256 key; ESP32 cannot verify that, it takes rsa3072',
    );
  });

  test('are refused when one of them is for another scheme than the plan', async () => {
    const plan = signedPlan(['env:RSA', 'env:P384'], { scheme: 'rsa3072' }, esp32c5);
    const error = await thrownBy(SigningError, () => open(plan));
    expect(error.code).toBe('SCHEME_MISMATCH');
    expect(error.message).toBe(
      'env:P384 is an ecdsa384 key, but the plan for ESP32_GENERIC signs with rsa3072',
    );
    expect(error.hint).toContain('--scheme ecdsa384');
  });
});

describe('signing', () => {
  /** Preflight and run, as the pipeline does them. */
  async function run(plan: Plan, changes: Partial<LaidOut> = {}) {
    const { context, events } = aContext(await tempDirectory(), VARIABLES);
    await signStage.preflight?.(context, plan, { dryRun: false });
    const signed = await signStage.run(context, laidOut(plan, changes));
    return { signed, notes: notesOf(events), warnings: context.warnings };
  }

  const keysIn = (image: Buffer): number =>
    parseSignatureSector(image.subarray(-0x1000)).slots.filter(({ kind }) => kind === 'block')
      .length;

  test('signs the app with every key and leaves the bootloader alone', async () => {
    const { signed, notes, warnings } = await run(signedPlan(['env:FIRST', 'env:SECOND']));
    expect(keysIn(signed.app)).toBe(2);
    expect(signed.bootloader?.signed).toBe(false);
    expect(signed.bootloader?.bytes.equals(makeBootloader({ chip: esp32c3 }))).toBe(true);
    expect(signed.signers).toHaveLength(2);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/^signing with env:FIRST \(ecdsa256\), key digest [0-9a-f]{64}$/);
    expect(warnings).toEqual([]);
  });

  test('signs the bootloader too, where the plan says so', async () => {
    const { signed } = await run(signedPlan(['env:FIRST'], { bootloader: true }));
    expect(signed.bootloader?.signed).toBe(true);
    expect(keysIn(signed.bootloader?.bytes ?? Buffer.alloc(0x1000))).toBe(1);
  });

  test('refuses to sign a bootloader that is signed already', async () => {
    const bootloader = { offset: 0, bytes: makeBootloader({ chip: esp32c3 }), signed: true };
    const error = await thrownBy(SigningError, () =>
      run(signedPlan(['env:FIRST'], { bootloader: true }), { bootloader }),
    );
    expect(error.code).toBe('IMAGE_NOT_SIGNABLE');
  });

  test('warns of a development key', async () => {
    const { signed, warnings } = await run(signedPlan(['dev']));
    expect(signed.signers[0]?.development).toBe(true);
    expect(warnings.map(({ code }) => code)).toEqual(['DEVELOPMENT_KEY']);
  });

  test('is skipped, with a reason, where it was not asked for', () => {
    const unsigned = laidOut(aPlan({}, esp32c3));
    const skipped = signStage.skip?.(unsigned);
    expect(skipped?.reason).toContain('--sign');
    expect(skipped?.output).toEqual({ ...unsigned, signers: [] });
    expect(signStage.skip?.(laidOut(signedPlan(['dev'])))).toBeUndefined();
  });
});

describe('the preflight of signing', () => {
  test('refuses a missing key before any work', async () => {
    const { context } = aContext('/nowhere', VARIABLES);
    const plan = signedPlan(['env:NONE']);
    const error = await thrownBy(SigningError, async () => {
      await signStage.preflight?.(context, plan, { dryRun: true });
    });
    expect(error.code).toBe('KEY_MISSING');
  });

  test.each([true, false])('makes no development key yet (dry run: %j)', async (dryRun) => {
    const root = await tempDirectory();
    const { context, events } = aContext(root);
    await signStage.preflight?.(context, signedPlan(['dev']), { dryRun });
    expect(existsSync(join(root, 'keys'))).toBe(false);
    expect(notesOf(events)).toEqual(
      dryRun ? ['a development key would be made under keys/dev/'] : [],
    );
  });

  test('has nothing to do where nothing is to be signed', async () => {
    await signStage.preflight?.(aContext().context, aPlan(), { dryRun: false });
  });
});

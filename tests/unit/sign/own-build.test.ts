import { describe, expect, test } from 'vitest';
import type { Chip } from '../../../builder/chip/chip.ts';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { esp32c5 } from '../../../builder/chip/esp32c5.ts';
import { SigningError } from '../../../builder/errors/families.ts';
import { resealEspImage } from '../../../builder/format/esp-image.ts';
import { requireChipVerifies, requireOwnBuildVerifies } from '../../../builder/sign/own-build.ts';
import type { SigningScheme } from '../../../builder/sign/scheme.ts';
import { makeApp, makeBootloader } from '../../support/firmware.ts';
import { thrownBy } from '../../support/thrown.ts';

/** An app with that text in its data, as the code that verifies updates has its log messages. */
function appSaying(chip: Chip, text: string): Buffer {
  const app = makeApp({ chip });
  app.write(`${text}\0`, 0x1000, 'latin1');
  return resealEspImage(app);
}

async function problemOf(image: Buffer, chip: Chip, scheme: SigningScheme): Promise<string> {
  const error = await thrownBy(SigningError, () => {
    requireOwnBuildVerifies(image, chip, scheme);
  });
  expect(error.code).toBe('SCHEME_UNSUPPORTED');
  return error.message;
}

const RSA = 'Verifying with RSA-PSS...';
const ECDSA = 'Verifying with ECDSA...';
const V1 = 'image has invalid signature version field 0x%08x';

describe("an image's own build", () => {
  test('is taken at its word about the signatures that it verifies', async () => {
    expect(await problemOf(appSaying(esp32c5, RSA), esp32c5, 'ecdsa256')).toBe(
      'the image cannot verify ecdsa256: it was built to verify RSA signatures',
    );
    expect(await problemOf(appSaying(esp32c5, ECDSA), esp32c5, 'rsa3072')).toContain('ECDSA');
    expect(await problemOf(appSaying(esp32, V1), esp32, 'rsa3072')).toContain('Secure Boot V1');
    expect(await problemOf(appSaying(esp32, RSA), esp32, 'v1')).toContain('built to verify RSA');
  });

  test('is not judged where it fits, does not tell or tells of two', () => {
    const cases: readonly (readonly [image: Buffer, chip: Chip, scheme: SigningScheme])[] = [
      [appSaying(esp32c5, RSA), esp32c5, 'rsa3072'],
      [appSaying(esp32c5, ECDSA), esp32c5, 'ecdsa384'],
      [appSaying(esp32, V1), esp32, 'v1'],
      [makeApp({ chip: esp32c5 }), esp32c5, 'ecdsa256'],
      [appSaying(esp32c5, `${RSA}\0${ECDSA}`), esp32c5, 'ecdsa256'],
      [makeBootloader({ chip: esp32c5 }), esp32c5, 'ecdsa384'],
    ];
    for (const [image, chip, scheme] of cases)
      expect(() => {
        requireOwnBuildVerifies(image, chip, scheme);
      }).not.toThrow();
  });

  test('is for chip revisions that can verify RSA', async () => {
    const upTo = (chip: Chip, revision: number): Buffer => {
      const app = makeApp({ chip });
      app.writeUInt16LE(revision, 17);
      return resealEspImage(app);
    };
    expect(await problemOf(upTo(esp32, 299), esp32, 'rsa3072')).toBe(
      'the image cannot verify rsa3072: it is for ESP32 up to revision v2.99, and RSA takes v3.0',
    );
    for (const revision of [0, 300, 399, 0xffff])
      expect(() => {
        requireOwnBuildVerifies(upTo(esp32, revision), esp32, 'rsa3072');
      }).not.toThrow();
    expect(() => {
      requireOwnBuildVerifies(upTo(esp32c3, 1), esp32c3, 'rsa3072');
    }).not.toThrow();
  });
});

describe('a chip', () => {
  test('verifies its own schemes, and the ESP32 Secure Boot V1 too', async () => {
    for (const [chip, scheme] of [
      [esp32, 'rsa3072'],
      [esp32, 'v1'],
      [esp32c5, 'ecdsa384'],
    ] as const)
      expect(() => {
        requireChipVerifies(chip, scheme);
      }).not.toThrow();
    for (const [chip, scheme, says] of [
      [esp32, 'ecdsa256', 'ESP32 cannot verify ecdsa256; it takes rsa3072, Secure Boot V1'],
      [esp32c3, 'v1', 'ESP32-C3 cannot verify Secure Boot V1; it takes rsa3072'],
    ] as const) {
      const error = await thrownBy(SigningError, () => {
        requireChipVerifies(chip, scheme);
      });
      expect(error.message).toBe(says);
    }
  });
});

import { describe, expect, test } from 'vitest';
import { LayoutError } from '../../../builder/errors/families.ts';
import {
  requireBootloaderFit,
  requireFit,
  signedSize,
  sizeInSlot,
} from '../../../builder/partition/fit.ts';
import { anImageOfLength } from '../../support/images.ts';
import { OTA_TABLE } from '../../support/plans.ts';
import { thrownBy } from '../../support/thrown.ts';

const SLOTS = OTA_TABLE.filter(({ type }) => type === 0);
const options = { signed: true, layout: 'ota-4MiB' };

describe('an app takes in its slot', () => {
  test('its length, unsigned', () => {
    expect(sizeInSlot(anImageOfLength(0x5010), undefined)).toBe(0x5010);
  });

  test.each([
    [0x5010, 0x10000, 0x11000],
    [0x5010, 0x4000, 0x9000],
    [0x10000, 0x10000, 0x11000],
    [0xfff0, 0x10000, 0x11000],
    [0x10010, 0x10000, 0x21000],
  ])('of %d bytes with pages of %d, signed: %d', (length, pageSize, expected) => {
    expect(sizeInSlot(anImageOfLength(length), { pageSize })).toBe(expected);
  });
});

test.each([
  [1, 0x2000],
  [0x1000, 0x2000],
  [0x1001, 0x3000],
])('an image of %d bytes takes %d with a signature sector', (length, expected) => {
  expect(signedSize(length)).toBe(expected);
});

describe('requireFit', () => {
  test('accepts an app that fills its slots to the last byte', () => {
    requireFit(0x1c0000, SLOTS, options);
  });

  test('names every slot that is too small, and by how much', async () => {
    const error = await thrownBy(LayoutError, () => {
      requireFit(0x1c1000, SLOTS, options);
    });
    expect(error.code).toBe('IMAGE_TOO_BIG');
    expect(error.exit).toBe(7);
    expect(error.message).toBe(
      "the app needs 0x1c1000 bytes with secure padding and signature: slot 'ota_0' has 0x1c0000, 0x1000 (4096 bytes) too few; slot 'ota_1' has 0x1c0000, 0x1000 (4096 bytes) too few",
    );
    expect(error.hint).toContain("'ota-4MiB'");
    expect(error.details).toEqual({
      needed: 0x1c1000,
      slots: [
        { name: 'ota_0', size: 0x1c0000 },
        { name: 'ota_1', size: 0x1c0000 },
      ],
    });
  });

  test('names the one slot that is too small, and no signature where there is none', async () => {
    const slots = SLOTS.map((slot, index) => ({ ...slot, size: slot.size - index * 0x1000 }));
    const error = await thrownBy(LayoutError, () => {
      requireFit(0x1c0000, slots, { ...options, signed: false });
    });
    expect(error.message).toBe(
      "the app needs 0x1c0000 bytes: slot 'ota_1' has 0x1bf000, 0x1000 (4096 bytes) too few",
    );
  });
});

describe('requireBootloaderFit', () => {
  const place = { offset: 0x1000, tableOffset: 0x8000, signed: false };

  test('accepts a bootloader that ends where the table starts', () => {
    requireBootloaderFit(0x7000, place);
  });

  test('refuses one byte more', async () => {
    const error = await thrownBy(LayoutError, () => {
      requireBootloaderFit(0x7001, { ...place, signed: true });
    });
    expect(error.code).toBe('BOOTLOADER_TOO_BIG');
    expect(error.message).toBe(
      'the bootloader needs 0x7001 bytes with its signature from 0x1000 on, but the partition table starts at 0x8000: 0x1 bytes too few',
    );
  });
});

import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import { CHIPS } from '../../../builder/chip/registry.ts';
import {
  parseEspImage,
  resealEspImage,
  securePadEspImage,
} from '../../../builder/format/esp-image.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import { checkAppImage, type AppImageOptions } from '../../../builder/verify/app-image.ts';
import { makeApp, makeBootloader } from '../../support/firmware.ts';
import { sha256 } from '../../support/images.ts';
import { aSignedBlock } from '../../support/signature-blocks.ts';

const FILE = 'a.app-bin';
const APP = makeApp({ chip: esp32 });
const IMAGE = parseEspImage(APP);

const check = (bytes: Buffer, options: Partial<AppImageOptions> = {}) =>
  checkAppImage(bytes, { file: FILE, ...options }).findings;

/** A copy with an edit; sealed again unless the edit is about the seal. */
function changed(edit: (bytes: Buffer) => void, app = APP): Buffer {
  const bytes = Buffer.from(app);
  edit(bytes);
  return resealEspImage(bytes);
}

const error = (code: string, message: RegExp, offset?: number) => ({
  severity: 'error',
  code,
  message: expect.stringMatching(message) as string,
  file: FILE,
  ...(offset === undefined ? {} : { offset }),
});

describe('An app image', () => {
  test.each(CHIPS.map((chip) => ({ chip, title: chip.title })))(
    'for $title has no findings when it is whole',
    ({ chip }) => {
      const app = makeApp({ chip });
      const checked = checkAppImage(app, { file: FILE, chip, slotSize: app.length });
      expect(checked.findings).toEqual([]);
      expect(checked.chip).toBe(chip);
      expect(checked.description?.idfVersion).toMatch(/^v5\.(0\.4|5\.1)$/);
      expect(checked.signature).toBeUndefined();
    },
  );

  test('that is cut off is malformed, at the place where it ends', () => {
    expect(check(APP.subarray(0, 0x1000))).toEqual([
      error('IMAGE_MALFORMED', /truncated: segment 1 /, 0x1000),
    ]);
  });

  test.each([
    { what: 'without the magic byte', at: 0, value: 0xea, message: /first byte is 0xea, 0xe9/ },
    { what: 'with no segment', at: 1, value: 0, message: /claims 0 segments/ },
    { what: 'with 17 segments', at: 1, value: 17, message: /claims 17 segments/ },
    { what: 'with an odd segment length', at: 0x1c, value: 3, message: /not a multiple of 4/ },
    { what: 'with a hash flag of 2', at: 23, value: 2, message: /hash_appended byte is 0x02/ },
  ])('$what is malformed', ({ at, value, message }) => {
    const bytes = Buffer.from(APP);
    bytes.writeUInt8(value, at);
    expect(check(bytes)).toEqual([error('IMAGE_MALFORMED', message, at)]);
  });

  test('with another checksum than its contents make is told so, where the checksum is', () => {
    const bytes = Buffer.from(APP);
    const { offset, stored } = IMAGE.checksum;
    bytes.writeUInt8(stored ^ 0x40, offset);
    // A forger would make the SHA-256 fit.
    sha256(bytes.subarray(0, offset + 1)).copy(bytes, offset + 1);
    expect(check(bytes)).toEqual([
      error('IMAGE_CHECKSUM', /^the checksum is 0x\w\w, the contents/, offset),
    ]);
  });

  test('with another SHA-256 than its contents make is told both, where the digest is', () => {
    const bytes = Buffer.from(APP);
    const at = IMAGE.length - 1;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    const { computed } = IMAGE.digest ?? { computed: Buffer.alloc(0) };
    expect(check(bytes)).toEqual([
      error('IMAGE_DIGEST', new RegExp(`the contents make ${computed.toString('hex')}$`), at - 31),
    ]);
  });

  test('for another chip than the release is for names both chips', () => {
    expect(check(APP, { chip: esp32c3 })).toEqual([
      error('IMAGE_CHIP', /^is for ESP32, not for ESP32-C3$/, 12),
    ]);
  });

  test('for a chip that nobody knows is refused', () => {
    const bytes = changed((image) => image.writeUInt16LE(0x7777, 12));
    expect(check(bytes)).toEqual([error('IMAGE_CHIP', /0x7777/, 12)]);
  });

  test('that asks for a chip revision between 3.1 and 1.0 would never start', () => {
    const bytes = changed((image) => {
      image.writeUInt16LE(301, 15);
      image.writeUInt16LE(100, 17);
    });
    expect(check(bytes)).toEqual([error('IMAGE_REVISION', /from 301 to 100/, 15)]);
  });

  test.each([
    { max: 0, says: 'nothing' },
    { max: 0xffff, says: 'nothing' },
    { max: 399, says: '3.99' },
  ])('whose highest chip revision says $says starts on revision 3.1', ({ max }) => {
    const bytes = changed((image) => {
      image.writeUInt16LE(301, 15);
      image.writeUInt16LE(max, 17);
    });
    expect(check(bytes)).toEqual([]);
  });

  test('that asks for an eFuse block revision that no chip has is refused where chips look at it', () => {
    const impossible = (image: Buffer): void => {
      image.writeUInt16LE(200, 0x20 + 176);
      image.writeUInt16LE(100, 0x20 + 178);
    };
    expect(check(changed(impossible, makeApp({ chip: esp32c3 })))).toEqual([
      error('IMAGE_REVISION', /eFuse block revision of at least 200 and at most 100/, 0x20),
    ]);
    expect(check(changed(impossible))).toEqual([]);
  });

  test('without an app description is no app', () => {
    const bytes = changed((image) => image.writeUInt32LE(0x12345678, 0x20));
    expect(check(bytes)).toEqual([error('IMAGE_DESCRIPTION', /not an app$/, 0x20)]);
    expect(check(makeBootloader({ chip: esp32 }))).toEqual([
      error('IMAGE_DESCRIPTION', /a bootloader or a full-flash image is not an app/, 0x20),
    ]);
  });

  test('built for MMU pages that its chip does not have is refused', () => {
    expect(check(makeApp({ chip: esp32, mmuPageSizeLog2: 13 }))).toEqual([
      error('IMAGE_DESCRIPTION', /MMU pages of 2\^13 bytes, which ESP32 does not have/, 0x20),
    ]);
    expect(check(makeApp({ chip: esp32c6, mmuPageSizeLog2: 13 }))).toEqual([]);
  });

  test('with a secure_version beyond the eFuse field is refused', () => {
    expect(check(makeApp({ chip: esp32c3, secureVersion: 17 }))).toEqual([
      error('IMAGE_SECURE_VERSION', /is 17; ESP32-C3 has 16 eFuse bits/, 0x20),
    ]);
    expect(check(makeApp({ chip: esp32c3, secureVersion: 16 }))).toEqual([]);
  });

  test('with a segment for an address without memory is refused', () => {
    const { dataOffset } = IMAGE.segments[1] ?? { dataOffset: 0 };
    const bytes = changed((image) => image.writeUInt32LE(0x3e000000, dataOffset - 8));
    expect(check(bytes)).toEqual([
      error(
        'IMAGE_SEGMENT',
        /segment 1 loads to 0x3e000000 to .* where ESP32 has no memory/,
        dataOffset,
      ),
    ]);
  });

  test('with a segment that reaches beyond its memory is refused', () => {
    const { dataOffset } = IMAGE.segments[1] ?? { dataOffset: 0 };
    const bytes = changed((image) => image.writeUInt32LE(0x3fffff00, dataOffset - 8));
    expect(check(bytes)).toEqual([
      error('IMAGE_SEGMENT', /segment 1 loads to 0x3fffff00/, dataOffset),
    ]);
  });

  test('with flash data at an offset that the MMU cannot map is refused', () => {
    const bytes = changed((image) => image.writeUInt32LE(0x3f400024, 0x18));
    expect(check(bytes)).toEqual([
      error('IMAGE_ALIGNMENT', /segment 0 for 0x3f400024 lies at 0x20: .* pages of 0x10000/, 0x20),
    ]);
  });

  test('with data behind it that nobody accounts for is refused', () => {
    const bytes = Buffer.concat([APP, Buffer.alloc(64, 0xff), Buffer.from('left over')]);
    expect(check(bytes)).toEqual([
      error('IMAGE_TRAILING', /neither padding nor a signature/, APP.length + 64),
    ]);
    expect(check(Buffer.concat([APP, Buffer.alloc(64, 0xff)]))).toEqual([]);
  });

  test('that is larger than the smallest slot says by how much', () => {
    expect(check(APP, { slotSize: APP.length - 0x10 })).toEqual([
      error('IMAGE_FIT', /0x10 too many$/),
    ]);
  });

  test.each([
    { what: 'a flash mode', at: 2, value: 9, message: /flash mode 9, which does not exist/ },
    { what: 'a flash size', at: 3, value: 0xf0, message: /flash size and frequency 0xf0/ },
    { what: 'a flash frequency', at: 3, value: 0x2e, message: /flash size and frequency 0x2e/ },
  ])('with $what that its chip does not know is refused', ({ at, value, message }) => {
    const bytes = changed((image) => image.writeUInt8(value, at));
    expect(check(bytes)).toEqual([error('IMAGE_FLASH_HEADER', message, at)]);
  });

  test('that is signed without secure padding is accepted with a warning', () => {
    const contents = Buffer.alloc(Math.ceil(APP.length / 0x1000) * 0x1000, 0xff);
    APP.copy(contents);
    const sector = encodeSignatureSector([aSignedBlock('rsa3072', contents)]);
    expect(check(Buffer.concat([contents, sector]))).toEqual([
      {
        severity: 'warning',
        code: 'SECURE_PADDING',
        message: expect.stringMatching(
          /not secure-padded: flash behind 0x9\w+ in the same 0x10000 page/,
        ) as string,
        file: FILE,
        offset: APP.length,
      },
    ]);
  });

  test('that is signed and secure-padded has no findings', () => {
    const padded = securePadEspImage(APP, 0x10000);
    const sector = encodeSignatureSector([aSignedBlock('rsa3072', padded)]);
    expect(check(Buffer.concat([padded, sector]), { signature: 'required' })).toEqual([]);
  });

  test('that is the rollback drill is accepted with a warning', () => {
    const drill = makeApp({ chip: esp32, idfVersion: 'ota-build drill' });
    expect(check(drill)).toEqual([
      {
        severity: 'warning',
        code: 'DRILL',
        message: 'is the rollback drill: it is meant to fail on the device',
        file: FILE,
        offset: 0x20,
      },
    ]);
  });
});

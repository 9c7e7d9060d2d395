import { describe, expect, test } from 'vitest';
import {
  findMicroPythonBanner,
  rollbackSupport,
} from '../../../builder/compile/micropython-banner.ts';

/** Strings as a compiler leaves them: each with its NUL, other bytes around. */
const appWith = (...strings: readonly string[]): Buffer =>
  Buffer.concat([
    Buffer.alloc(100, 0xe9),
    ...strings.map((text) => Buffer.from(`${text}\0`, 'latin1')),
    Buffer.alloc(100, 0x55),
  ]);

describe("MicroPython's banner", () => {
  test('is found in two halves', () => {
    expect(
      findMicroPythonBanner(
        appWith('MicroPython v1.23.0 on 2024-06-02', '; Generic ESP32 module with ESP32'),
      ),
    ).toEqual({
      version: 'v1.23.0',
      date: '2024-06-02',
      board: 'Generic ESP32 module',
      mcu: 'ESP32',
    });
  });

  test('is found in one piece, its machine after it', () => {
    const banner = 'MicroPython v1.20.0 on 2023-04-26; ESP32C3 module with ESP32C3\r\n';
    expect(findMicroPythonBanner(appWith(banner))).toEqual({
      version: 'v1.20.0',
      date: '2023-04-26',
      board: 'ESP32C3 module',
      mcu: 'ESP32C3',
    });
  });

  test('is found with its halves apart and in the other order', () => {
    expect(
      findMicroPythonBanner(
        appWith('; Board with ESP32S3', 'other', 'MicroPython v1.24.1 on 2024-11-29'),
      ),
    ).toMatchObject({ version: 'v1.24.1', board: 'Board', mcu: 'ESP32S3' });
  });

  test.each([
    'v1.14',
    'v1.9.4-8-ga9a3caad0',
    'v1.19.1-dirty',
    'v1.20.0-72-g3e9a3c5d1',
    'v1.24.0-preview.10.gabcdef012',
    'v1.25.0-preview.3.g1a2b3c4d5.dirty',
  ])('is found with the version %s', (version) => {
    expect(findMicroPythonBanner(appWith(`MicroPython ${version} on 2024-06-02`))).toEqual({
      version,
      date: '2024-06-02',
    });
  });

  test('is found behind text that only starts like one', () => {
    const app = appWith(
      'MicroPython v is great',
      'MicroPython v1.2 on a disk',
      '; with ESP',
      'MicroPython v1.23.0 on 2024-06-02',
      '; Generic ESP32 module with ESP32',
    );
    expect(findMicroPythonBanner(app)).toMatchObject({
      version: 'v1.23.0',
      board: 'Generic ESP32 module',
    });
  });

  test('goes without board where there is none', () => {
    expect(findMicroPythonBanner(appWith('MicroPython v1.23.0 on 2024-06-02'))).toEqual({
      version: 'v1.23.0',
      date: '2024-06-02',
    });
  });

  test('keeps a board name that has "with" in it', () => {
    const app = appWith('MicroPython v1.23.0 on 2024-06-02', '; Kit with SPIRAM with ESP32');
    expect(findMicroPythonBanner(app)).toMatchObject({ board: 'Kit with SPIRAM', mcu: 'ESP32' });
  });
});

describe('where the banner is another one, the platform string has the version:', () => {
  test.each([
    ['MicroPython-1.23.0-xtensa-IDFv5.0.4-with-newlib4.1.0', 'v1.23.0'],
    ['MicroPython-1.20.0-riscv-IDFv4.4.4-with-newlib3.3.0', 'v1.20.0'],
    ['MicroPython-1.26.0-preview-riscv-IDFv5.4.1-with-newlib4.3.0', 'v1.26.0-preview'],
    ['MicroPython-1.26.1-IDFv5.4.2', 'v1.26.1'],
  ])('%s', (platform, version) => {
    expect(findMicroPythonBanner(appWith(platform))).toEqual({ version });
  });

  test("LVGL's build", () => {
    const app = appWith(
      'LVGL (9.4.0) MicroPython (1.26.1) Binary compiled on 2025-11-02',
      '; Generic ESP32S3 module with ESP32S3',
      'MicroPython-1.26.1-xtensa-IDFv5.4.2-with-newlib4.3.0',
    );
    expect(findMicroPythonBanner(app)).toEqual({
      version: 'v1.26.1',
      board: 'Generic ESP32S3 module',
      mcu: 'ESP32S3',
    });
  });

  test('not before the banner', () => {
    const app = appWith('MicroPython-1.22.0-xtensa-IDFv5.0.4', 'MicroPython v1.23.0 on 2024-06-02');
    expect(findMicroPythonBanner(app)?.version).toBe('v1.23.0');
  });
});

describe('there is no banner', () => {
  test.each([
    ['in an empty file', Buffer.alloc(0)],
    ['in erased flash', Buffer.alloc(1000, 0xff)],
    ['in text of another kind', appWith('CircuitPython 9.0.0 on 2024-03-19; ESP32')],
    ['where it is cut off', Buffer.from('MicroPython v1.23.0 on 2024-0')],
    ['in a module name', appWith('MicroPython-ulab-6.5')],
    ['of LVGL alone', appWith('LVGL (9.4.0) MicroPython (1.26.1) Binary compiled on 2025-11-02')],
    ['where only a machine is', appWith('; Generic ESP32 module with ESP32')],
  ])('%s', (_, app) => {
    expect(findMicroPythonBanner(app)).toBeUndefined();
  });
});

describe('a released bootloader of MicroPython', () => {
  test.each([
    ['v1.9.4', 'disabled'],
    ['v1.20.0', 'disabled'],
    ['v1.20.0-dirty', 'disabled'],
    ['v1.21.0', 'enabled'],
    ['v1.21.0-dirty', 'enabled'],
    ['v1.22.0-preview.12.gabcdef012', 'enabled'],
    ['v1.23.0', 'enabled'],
    ['v1.26.0-preview', 'enabled'],
    ['v2.0.0', 'enabled'],
    ['v1.100.0', 'enabled'],
  ])('%s has rollback %s', (version, expected) => {
    expect(rollbackSupport(version)).toBe(expected);
  });

  test.each(['v1.21.0-preview.3.gabcdef012', 'v1.20.0-480-gabcdef012'])(
    'on the way from v1.20 to v1.21 may or may not have it: %s',
    (version) => {
      expect(rollbackSupport(version)).toBe('unknown');
    },
  );

  test.each([undefined, '', '1.23.0', 'vX'])('is not known from the version %j', (version) => {
    expect(rollbackSupport(version)).toBe('unknown');
  });
});

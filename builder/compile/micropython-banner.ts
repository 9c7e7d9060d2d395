/** What MicroPython prints when its REPL starts, as far as it was found in an image. */
export type MicroPythonBanner = {
  /** With the leading v: `v1.23.0`, `v1.24.0-preview.10.gabcdef`. */
  readonly version: string;
  /** Build date, `2024-06-02`. */
  readonly date?: string;
  /** MICROPY_HW_BOARD_NAME, `Generic ESP32 module`. */
  readonly board?: string;
  /** MICROPY_HW_MCU_NAME, `ESP32`. */
  readonly mcu?: string;
};

const NAME = 'MicroPython v';
const NAME_PATTERN = /^MicroPython (v\d+\.\d+[^\s\0;]{0,60}) on (\d{4}-\d{2}-\d{2})/;
/** What platform.platform() answers: kept by builds that print a banner of their own, such as LVGL's. */
const PLATFORM = 'MicroPython-';
const PLATFORM_PATTERN = /^MicroPython-(\d+\.\d+\.\d+(?:-preview)?)-[^\0]{0,40}-?IDF/;
const MACHINE_PATTERN = /^; ([^\0]{1,120}) with (ESP[^\0\r\n]{1,40})[\0\r\n]/;

/**
 * Finds MicroPython's banner in an app: `MicroPython v1.23.0 on 2024-06-02; Generic ESP32 module with ESP32`.
 * The two halves may lie apart, as the compiler keeps them as two strings. Where the banner is another one, the version
 * comes from the platform string (`MicroPython-1.23.0-xtensa-IDFv5.0.4-…`). Undefined when there is neither.
 * Source: MicroPython py/mpconfig.h, MICROPY_BANNER_NAME_AND_VERSION and MICROPY_BANNER_MACHINE; extmod/modplatform.h.
 */
export function findMicroPythonBanner(app: Buffer): MicroPythonBanner | undefined {
  const version = findVersion(app);
  if (version === undefined) return undefined;
  const machine = firstMatch(app, '; ', MACHINE_PATTERN);
  if (machine === undefined) return version;
  const [, board = '', mcu = ''] = machine;
  return { ...version, board, mcu };
}

function findVersion(app: Buffer): { version: string; date?: string } | undefined {
  const banner = firstMatch(app, NAME, NAME_PATTERN);
  if (banner !== undefined) return { version: banner[1] ?? '', date: banner[2] ?? '' };
  const platform = firstMatch(app, PLATFORM, PLATFORM_PATTERN);
  return platform === undefined ? undefined : { version: `v${platform[1] ?? ''}` };
}

function firstMatch(app: Buffer, start: string, pattern: RegExp): RegExpExecArray | undefined {
  for (
    let at = app.indexOf(start, 0, 'latin1');
    at !== -1;
    at = app.indexOf(start, at + 1, 'latin1')
  ) {
    const match = pattern.exec(app.toString('latin1', at, at + 200));
    if (match !== null) return match;
  }
  return undefined;
}

/** Whether the bootloader that MicroPython released with this version rolls an unconfirmed app back. */
export type RollbackSupport = 'enabled' | 'disabled' | 'unknown';

/**
 * MicroPython's released bootloaders roll back from v1.21 on, when ports/esp32/boards/sdkconfig.base got
 * CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE (micropython/micropython#12475). A development version of 1.21 may be of
 * either kind. Takes the version as the banner has it.
 */
export function rollbackSupport(version: string | undefined): RollbackSupport {
  const match = /^v(\d+)\.(\d+)(.*)$/.exec(version ?? '');
  if (match === null) return 'unknown';
  const [, major = '', minor = '', rest = ''] = match;
  const number = Number(major) * 1000 + Number(minor);
  // Between the two releases versions count commits: v1.20.0-480-gabcdef012.
  if (number === 1020 && /-\d+-g[0-9a-f]/.test(rest)) return 'unknown';
  if (number < 1021) return 'disabled';
  return number === 1021 && /-preview|-dev/.test(rest) ? 'unknown' : 'enabled';
}

import { APP_DESC_OFFSET, APP_DESC_SIZE, parseAppDescription } from '../format/app-desc.ts';
import { parseEspImage } from '../format/esp-image.ts';
import { detectFirmware } from './firmware-input.ts';
import { splitFlashImage } from './flash-image.ts';
import { findMicroPythonBanner } from './micropython-banner.ts';
import { namingFile } from './name-format-error.ts';

/**
 * A version for a release that was given none: the one in the app's description, else MicroPython's own without its v.
 * Undefined when the firmware has neither. Throws FormatError for a file that is damaged or no firmware: a web page
 * without a version is a web page above all. `name` is the file as messages show it.
 */
export function versionInFirmware(firmware: Buffer, name: string): string | undefined {
  return namingFile(name, () => {
    const app = appIn(firmware, name);
    const description = app.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE);
    const { version } = parseAppDescription(description, APP_DESC_OFFSET);
    return version === '' ? findMicroPythonBanner(app)?.version.replace(/^v/, '') : version;
  });
}

function appIn(firmware: Buffer, name: string): Buffer {
  const input = detectFirmware(firmware, name);
  return input.kind === 'app'
    ? firmware.subarray(0, parseEspImage(firmware).length)
    : splitFlashImage({ ...input, bytes: firmware, name }).app.bytes;
}

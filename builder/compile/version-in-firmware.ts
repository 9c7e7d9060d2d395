import { FormatError } from '../errors/families.ts';
import { APP_DESC_OFFSET, APP_DESC_SIZE, parseAppDescription } from '../format/app-desc.ts';
import { isAppAt } from './firmware-input.ts';
import { findMicroPythonBanner } from './micropython-banner.ts';

/**
 * A version for a release that was given none: the one in an app's description, else MicroPython's own without its v.
 * Undefined when the firmware has neither; what is wrong with it is for the compile step to say.
 */
export function versionInFirmware(firmware: Buffer): string | undefined {
  const described = isAppAt(firmware, 0) ? describedVersion(firmware) : undefined;
  return described ?? findMicroPythonBanner(firmware)?.version.replace(/^v/, '');
}

function describedVersion(app: Buffer): string | undefined {
  try {
    const { version } = parseAppDescription(
      app.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE),
    );
    return version === '' ? undefined : version;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

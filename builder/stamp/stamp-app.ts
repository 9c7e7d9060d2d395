import { ProfileError } from '../errors/families.ts';
import {
  APP_DESC_OFFSET,
  APP_DESC_SIZE,
  parseAppDescription,
  patchAppDescription,
  type AppDescription,
} from '../format/app-desc.ts';
import { sealEspImage } from '../format/esp-image.ts';

/** What a stamp writes into esp_app_desc_t. Everything else in it, app_elf_sha256 above all, stays. */
export type Stamp = {
  /** At most 31 ASCII characters. */
  readonly version: string;
  /** At most 31 ASCII characters. */
  readonly projectName: string;
  readonly secureVersion: number;
  /** Written as UTC in the form of C's __DATE__ and __TIME__. */
  readonly builtAt: Date;
};

/**
 * A copy of an unsigned app image with a new description, checksum and SHA-256; the very same buffer when version, project
 * name and secure_version are right already, as they are from a compiler that was told them. Throws ProfileError for text that does
 * not fit and for a secure_version below the one that is there; FormatError when `app` is not an app image.
 * Source: ESP-IDF esp_app_desc.h; core dumps and the monitor find the ELF file by app_elf_sha256, so it is left alone.
 */
export function stampApp(app: Buffer, stamp: Stamp): Buffer {
  const end = APP_DESC_OFFSET + APP_DESC_SIZE;
  const before = parseAppDescription(app.subarray(APP_DESC_OFFSET, end), APP_DESC_OFFSET);
  requireText('version', stamp.version);
  requireText('project name', stamp.projectName);
  requireNotLower(before, stamp.secureVersion);
  if (saysAlready(before, stamp)) return app;
  const bytes = Buffer.from(app);
  patchAppDescription(bytes.subarray(APP_DESC_OFFSET, end), {
    version: stamp.version,
    projectName: stamp.projectName,
    secureVersion: stamp.secureVersion,
    ...dateAndTime(stamp.builtAt),
  }).copy(bytes, APP_DESC_OFFSET);
  sealEspImage(bytes);
  return bytes;
}

function saysAlready(before: AppDescription, stamp: Stamp): boolean {
  return (
    before.version === stamp.version &&
    before.projectName === stamp.projectName &&
    before.secureVersion === stamp.secureVersion
  );
}

function requireText(what: string, text: string): void {
  if (/^[\x20-\x7e]{1,31}$/.test(text)) return;
  const problem =
    text === ''
      ? 'is empty'
      : text.length > 31
        ? `has ${text.length} characters; the app description holds 31`
        : 'has characters other than printable ASCII, which the app description cannot hold';
  throw new ProfileError('DESCRIPTION_TEXT', `the ${what} '${text}' ${problem}`);
}

function requireNotLower({ secureVersion: present }: AppDescription, wanted: number): void {
  if (wanted >= present) return;
  throw new ProfileError(
    'SECURE_VERSION_RANGE',
    `the firmware has secure_version ${present}; stamping ${wanted} would lower it, and secure_version only goes up`,
    { hint: `Use --secure-version ${present} or higher.` },
  );
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Jun  2 2024` and `06:51:35`: C pads the day with a space (C11, 6.10.8.1). */
function dateAndTime(at: Date): { date: string; time: string } {
  const month = MONTHS[at.getUTCMonth()] ?? '';
  const day = String(at.getUTCDate()).padStart(2, ' ');
  const year = String(at.getUTCFullYear()).padStart(4, '0');
  return { date: `${month} ${day} ${year}`, time: at.toISOString().slice(11, 19) };
}

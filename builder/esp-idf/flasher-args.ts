import { z } from '../schema/schema.ts';
import { parseJsonFile } from './json-text.ts';

const LONGEST_TEXT = 1024;

const text = z.string().max(LONGEST_TEXT);
const offset = text
  .regex(/^(0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$/, 'expected a flash offset, such as "0x1000"')
  .transform(Number)
  .pipe(z.number().max(0xffffffff));
const image = z.object({
  offset,
  file: text,
  encrypted: z.union([z.boolean(), text]).optional(),
});

/** Keys that no reader of ours needs, and images with names of their own, are let through. */
const schema = z.object({
  flash_settings: z.object({ flash_mode: text, flash_size: text, flash_freq: text }),
  flash_files: z.record(text, text),
  app: image.optional(),
  bootloader: image.optional(),
  'partition-table': image.optional(),
  otadata: image.optional(),
  extra_esptool_args: z.object({ chip: text }),
});

/** An image that a build wants in flash. `file` is a path below the build directory, as yet unchecked. */
export type FlasherImage = { readonly offset: number; readonly file: string };

/** What an ESP-IDF build tells flashers. */
export type FlasherArgs = {
  /** esptool's name of the chip, which is ESP-IDF's target name: `esp32c3`. */
  readonly chip: string;
  /** esptool's words; `size` may be `detect` or `keep`. */
  readonly settings: { readonly mode: string; readonly size: string; readonly frequency: string };
  readonly app?: FlasherImage;
  readonly bootloader?: FlasherImage;
  readonly partitionTable?: FlasherImage;
  /** Files for flash that are none of the above and not OTA data: file systems and the like. */
  readonly otherFiles: readonly string[];
  /** Some image has to be written encrypted. */
  readonly encrypted: boolean;
};

/**
 * Reads flasher_args.json of an ESP-IDF build directory. Offsets in it are strings (`"0x1000"`), and so is `encrypted`
 * (`"false"`). It is written when a build is configured, before anything is compiled. Throws FormatError, which names
 * `file`, for anything else. Source: ESP-IDF v5.0 to v6.0, components/esptool_py/flasher_args.json.in and
 * project_include.cmake (esptool_py_flash_target_image).
 */
export function parseFlasherArgs(bytes: Buffer, file: string): FlasherArgs {
  const args = parseJsonFile(bytes, schema, file);
  const { app, bootloader, otadata, 'partition-table': partitionTable } = args;
  const named = [app, bootloader, partitionTable, otadata].flatMap((one) => one ?? []);
  const known = new Set(named.map((one) => one.file));
  return {
    chip: args.extra_esptool_args.chip,
    settings: {
      mode: args.flash_settings.flash_mode,
      size: args.flash_settings.flash_size,
      frequency: args.flash_settings.flash_freq,
    },
    ...(app === undefined ? {} : { app: placeOf(app) }),
    ...(bootloader === undefined ? {} : { bootloader: placeOf(bootloader) }),
    ...(partitionTable === undefined ? {} : { partitionTable: placeOf(partitionTable) }),
    otherFiles: [...new Set(Object.values(args.flash_files))].filter((one) => !known.has(one)),
    encrypted: named.some(({ encrypted }) => encrypted === true || encrypted === 'true'),
  };
}

function placeOf(image: FlasherImage): FlasherImage {
  return { offset: image.offset, file: image.file };
}

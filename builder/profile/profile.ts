import { CHIPS } from '../chip/registry.ts';
import { byteCount, z } from '../schema/schema.ts';

/** What is compiled where a profile names no other version: the newest MicroPython that our module is tested with. */
export const MICROPYTHON_DEFAULT = {
  version: 'v1.28.0',
  commit: 'e0e9fbb17ed6fd06bb76e266ae554784c9c80804',
} as const;

const CHIP_NAMES = CHIPS.map(({ name }) => name);

const text = (what: string) => z.string(`expected ${what}`);

const commitHash = text('a full commit hash').regex(/^[0-9a-f]{40}$/, 'expected 40 hex digits');

const fileList = (what: string) => z.array(text(what)).default([]);

/** How a board's firmware is compiled. Paths are relative to the project. */
const micropythonSchema = z.strictObject({
  version: text("a tag of MicroPython's repository")
    .regex(/^v\d+\.\d+(\.\d+)?$/, 'expected a tag such as v1.28.0')
    .default(MICROPYTHON_DEFAULT.version),
  commit: commitHash.optional(),
  repository: text('what git can clone').optional(),
  board: text("the board's name in MicroPython").optional(),
  boardDirectory: text('the directory of a board of your own').optional(),
  otaExtended: z.boolean('expected true or false').default(true),
  optimization: z
    .enum(['auto', 'size', 'board'], { error: 'expected auto, size or board' })
    .default('auto'),
  userModules: fileList('a micropython.cmake of a C module'),
  frozenManifest: text('a manifest.py').optional(),
  sdkconfig: fileList('a file with sdkconfig lines'),
});

/** A board's profile as its YAML file holds it. Unknown keys are refused. */
export const profileSchema = z.strictObject({
  schema: z.literal(1, 'expected 1, the version of this format'),
  board: text("the board's name").regex(
    /^[A-Za-z0-9_]{1,64}$/,
    'expected letters, digits and _ only',
  ),
  description: text('a sentence').optional(),
  chip: z.enum(CHIP_NAMES, { error: `expected one of ${CHIP_NAMES.join(', ')}` }),
  projectName: text('the name in the app description').default('micropython'),
  version: text('the version in the app description').optional(),
  secureVersion: z.number('expected an integer of 0 or more').int().nonnegative().default(0),
  flash: z.strictObject({
    size: z.enum(['keep', '1MB', '2MB', '4MB', '8MB', '16MB', '32MB', '64MB', '128MB'], {
      error: 'expected keep or a flash size: 1MB, 2MB, 4MB, 8MB, 16MB, 32MB, 64MB or 128MB',
    }),
  }),
  partitions: z.strictObject({
    layout: text('the name of a layout in firmware/partitions/, or the path of a CSV file'),
    tableOffset: byteCount()
      .refine((offset) => offset > 0 && offset % 0x1000 === 0, 'expected a multiple of 0x1000')
      .default(0x8000),
  }),
  signing: z
    .strictObject({
      scheme: z.enum(['rsa3072', 'ecdsa192', 'ecdsa256', 'ecdsa384'], {
        error: 'expected rsa3072, ecdsa256, ecdsa384 or ecdsa192',
      }),
      bootloader: z.boolean('expected true or false').default(false),
      verification: z
        .enum(['on-update', 'none'], { error: 'expected on-update or none' })
        .optional(),
      keys: z.array(text('a key reference')).min(1).max(3).optional(),
    })
    .optional(),
  micropython: micropythonSchema.prefault({}),
  espIdf: z
    .strictObject({
      version: text('a release of ESP-IDF')
        .regex(/^v\d+\.\d+(\.\d+)?$/, 'expected a release such as v5.5.1')
        .optional(),
      container: text('a container image').optional(),
    })
    .prefault({}),
});

/** What a board is and how its releases are made. */
export type Profile = z.infer<typeof profileSchema>;

import { BUILD_FILE_ROLES } from '../esp-idf/build-file-roles.ts';
import { byteCount, z } from '../schema/schema.ts';

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

/** `prebuilt`: a finished image. `drill`: the built-in rollback drill, an ELF file of ours. */
const fileSource = <Kind extends 'prebuilt' | 'drill'>(kind: Kind) =>
  z.strictObject({
    kind: z.literal(kind),
    /** As the user named it, or where the drill was found. */
    file: z.string(),
    size: z.number().int().positive(),
    sha256: sha256Hex,
  });

/** MicroPython's esp32 port, to be compiled. */
const micropythonSource = z.strictObject({
  kind: z.literal('micropython'),
  /** The source tree: as the user named it, or in the cache. */
  directory: z.string(),
  /** `v1.28.0`. */
  version: z.string(),
  /** What MicroPython will say of itself (MICROPY_GIT_TAG). */
  described: z.string(),
  commit: z
    .string()
    .regex(/^[0-9a-f]{40,64}$/)
    .optional(),
  dirty: z.boolean(),
  /** Of the sources as planned: another one means that they changed since. */
  fingerprint: sha256Hex,
  /** What the firmware gives as its build time (SOURCE_DATE_EPOCH of the compiler). */
  builtAt: z.iso.datetime(),
  /** MICROPY_BOARD and MICROPY_BOARD_DIR. */
  board: z.string(),
  boardDirectory: z.string().optional(),
  /** Manifest of the Python files that the board freezes. */
  boardManifest: z.string(),
  /** `v5.5.1`. */
  idfVersion: z.string(),
  toolchain: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('local') }),
    z.strictObject({ kind: z.literal('container'), image: z.string() }),
  ]),
  /** MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED. */
  otaExtended: z.boolean(),
  /** `size` adds -Os; `board` leaves what the board says. */
  optimization: z.enum(['size', 'board']),
  /** Who checks signatures on the device: nobody, the running app before it takes an update, or hardware Secure Boot. */
  verification: z.enum(['none', 'on-update', 'secure-boot']),
  userModules: z.array(z.string()),
  frozenManifest: z.string().optional(),
  /** The project's own sdkconfig lines. */
  sdkconfig: z.array(z.strictObject({ file: z.string(), text: z.string() })),
});

/**
 * Everything that decides what a release is, resolved: no later step looks at flags, profiles or git again.
 * Versioned JSON, so that one CI job can make it and another can carry it out.
 */
export const planSchema = z.strictObject({
  schema: z.literal(1),
  board: z.string(),
  variant: z.string().optional(),
  chip: z.string(),
  version: z.string(),
  projectName: z.string(),
  secureVersion: z.number().int().nonnegative(),
  /** ISO 8601 in UTC, whole seconds: SOURCE_DATE_EPOCH, or the time of planning. */
  createdAt: z.iso.datetime(),
  source: z.discriminatedUnion('kind', [
    fileSource('prebuilt'),
    fileSource('drill'),
    micropythonSource,
    z.strictObject({
      /** A finished ESP-IDF build directory. */
      kind: z.literal('build-directory'),
      /** As the user named it. */
      directory: z.string(),
      /** What a release is made of, pinned: paths below the directory. */
      files: z.array(
        z.strictObject({
          role: z.enum(BUILD_FILE_ROLES),
          file: z.string(),
          size: z.number().int().nonnegative(),
          sha256: sha256Hex,
        }),
      ),
    }),
    z.strictObject({
      /** A finished release that gets other signatures: nothing else of it changes. */
      kind: z.literal('release'),
      /** As the user named it. */
      directory: z.string(),
      /** SHA-256 of its manifest.json, which has the digests of all the rest. */
      manifest: sha256Hex,
      /** What it holds is the rollback drill. */
      drill: z.boolean(),
    }),
  ]),
  flash: z.strictObject({
    /** A size to write into the bootloader header, or `keep` for the one that is there. */
    size: z.string(),
  }),
  partitionTableOffset: byteCount(),
  layout: z.strictObject({
    name: z.string(),
    file: z.string(),
    sha256: sha256Hex,
    /** The table itself, so that a plan does not depend on a file that may change. `line` is the row's line in the CSV. */
    partitions: z.array(
      z.strictObject({
        name: z.string(),
        type: z.number().int(),
        subtype: z.number().int(),
        offset: byteCount(),
        size: byteCount(),
        encrypted: z.boolean(),
        readonly: z.boolean(),
        line: z.number().int(),
      }),
    ),
  }),
  signing: z
    .strictObject({
      scheme: z.enum(['rsa3072', 'ecdsa192', 'ecdsa256', 'ecdsa384']),
      bootloader: z.boolean(),
      /** Key references, never keys. None: the release is made ready to be signed, and signed later by whoever has the keys. */
      keys: z.array(z.string()).max(3),
    })
    .nullable(),
  /** `<BOARD>[-<VARIANT>]-<version>`: the release directory's name and the stem of its files. */
  stem: z.string(),
});

/** A resolved, frozen plan of one release. */
export type Plan = Readonly<z.infer<typeof planSchema>>;

/** A source of firmware that is compiled. */
export type MicroPythonSource = Extract<Plan['source'], { kind: 'micropython' }>;

/** A source of firmware that is one finished file. */
export type FileSource = Extract<Plan['source'], { readonly file: string }>;

/** A source of firmware that is not compiled. */
export type FinishedSource = Exclude<Plan['source'], MicroPythonSource | ReleaseSource>;

/** A finished release as the source of another one. */
export type ReleaseSource = Extract<Plan['source'], { kind: 'release' }>;

/** The plan of a release that is made of one finished file. */
export type FilePlan = Omit<Plan, 'source'> & { readonly source: FileSource };

/** True for a plan whose release is signed as it is made; false too for one that is signed later. */
export function isSignedHere({ signing }: Pick<Plan, 'signing'>): boolean {
  return signing !== null && signing.keys.length > 0;
}

/** True for a plan of the rollback drill. */
export function isDrill({ source }: Pick<Plan, 'source'>): boolean {
  return source.kind === 'drill' || (source.kind === 'release' && source.drill);
}

import { BUILD_FILE_ROLES } from '../esp-idf/build-file-roles.ts';
import { byteCount, z } from '../schema/schema.ts';

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

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
    z.strictObject({
      /** `prebuilt`: a finished image. `drill`: the built-in rollback drill, an ELF file of ours. */
      kind: z.enum(['prebuilt', 'drill']),
      /** As the user named it, or where the drill was found. */
      file: z.string(),
      size: z.number().int().positive(),
      sha256: sha256Hex,
    }),
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
      /** Key references, never keys. */
      keys: z.array(z.string()).min(1).max(3),
    })
    .nullable(),
  /** `<BOARD>[-<VARIANT>]-<version>`: the release directory's name and the stem of its files. */
  stem: z.string(),
});

/** A resolved, frozen plan of one release. */
export type Plan = Readonly<z.infer<typeof planSchema>>;

/** A plan whose firmware is one file. */
export type FilePlan = Omit<Plan, 'source'> & {
  readonly source: Extract<Plan['source'], { readonly file: string }>;
};

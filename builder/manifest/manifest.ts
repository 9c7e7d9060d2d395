import { z } from '../schema/schema.ts';

const bytes = (what: string) => z.number().int().nonnegative().max(0xffffffff).describe(what);
const sha256 = (what: string) =>
  z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe(what);
const fileName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/)
  .describe('A file of the release directory; never a path.');
/** Board, variant and version name the files and the directory of a release: none of them may lead elsewhere. */
const plainName = z.string().regex(/^[A-Za-z0-9_]{1,128}$/);
/** As `checkVersion` of a plan has it. */
const version = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,30}$/);

/** A manifest has some kilobytes; a file that is larger is not one, and is not parsed. */
export const MANIFEST_LIMIT = 1024 * 1024;
/** Rows that fit into a partition table (ESP_PARTITION_TABLE_MAX_ENTRIES), and files and warnings that no release comes near. */
const MOST_PARTITIONS = 96;
const MOST_ARTIFACTS = 64;
const MOST_WARNINGS = 256;

/** What a file of a release is for. */
export const ARTIFACT_ROLES = [
  'firmware',
  'app',
  'bootloader',
  'partition-table',
  'otadata',
  'partitions-csv',
  'flasher-args',
  'flash-args',
  'sdkconfig',
  'elf',
  'map',
  'sbom',
] as const;

export const manifestSchema = z
  .strictObject({
    schema: z.literal(1).describe('Version of this format.'),
    board: plainName,
    variant: plainName.optional(),
    chip: z.string().describe("Espressif's target name, such as esp32c3."),
    version: version.describe('esp_app_desc_t.version of the app.'),
    secureVersion: bytes('esp_app_desc_t.secure_version of the app.'),
    projectName: z.string().describe('esp_app_desc_t.project_name of the app.'),
    source: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('prebuilt'),
        file: z.string().describe('Name of the firmware file that was repackaged.'),
        sha256: sha256('SHA-256 of that file.'),
        container: z
          .enum(['app', 'bootloader-first', 'merged', 'build-directory'])
          .describe('What it was; build-directory: the file is the app of an ESP-IDF build.'),
        partition: z
          .string()
          .optional()
          .describe('Partition of that file that the app was taken from.'),
        micropython: z
          .strictObject({
            version: z.string(),
            date: z.string().optional(),
            board: z.string().optional(),
            mcu: z.string().optional(),
          })
          .optional()
          .describe("What the app's banner says."),
        project: z
          .strictObject({ name: z.string(), version: z.string().optional() })
          .optional()
          .describe('What the build directory says of its project.'),
        idfVersion: z.string().describe('ESP-IDF that built the app.'),
        bootloaderRollback: z.enum(['enabled', 'disabled', 'unknown']).optional(),
      }),
      z.strictObject({
        kind: z.literal('micropython').describe('Compiled from source, with the OTA module.'),
        version: z.string().describe('What MicroPython says of itself, such as v1.28.0.'),
        commit: z.string().optional().describe("Commit of MicroPython's sources."),
        dirty: z.boolean().describe('The sources had changes that no commit holds.'),
        board: z.string().describe('MICROPY_BOARD.'),
        idfVersion: z.string().describe('ESP-IDF that it was compiled with.'),
        container: z
          .string()
          .optional()
          .describe('Container image, with digest, that held ESP-IDF.'),
        otaExtended: z
          .boolean()
          .describe('esp32.Partition has ota_begin, ota_write and the others of that kind.'),
        verification: z
          .enum(['none', 'on-update', 'secure-boot'])
          .describe('Who checks signatures on the device.'),
        bootloaderRollback: z.enum(['enabled', 'disabled', 'unknown']),
      }),
      z.strictObject({
        kind: z.literal('drill').describe('The built-in rollback drill, which is meant to fail.'),
        file: z.string().describe('Name of the ELF file that it was made of.'),
        sha256: sha256('SHA-256 of that file.'),
      }),
    ]),
    createdAt: z.iso.datetime().describe('UTC; SOURCE_DATE_EPOCH when that was set.'),
    flash: z.strictObject({
      mode: z.string(),
      freq: z.string(),
      size: z.string(),
    }),
    partitions: z
      .array(
        z.strictObject({
          name: z.string(),
          type: bytes('Type number.'),
          subtype: bytes('Subtype number.'),
          offset: bytes('Flash offset in bytes.'),
          size: bytes('Size in bytes.'),
          flags: z.array(z.enum(['encrypted', 'readonly'])).max(2),
        }),
      )
      .max(MOST_PARTITIONS),
    artifacts: z
      .array(
        z.strictObject({
          role: z.enum(ARTIFACT_ROLES),
          file: fileName,
          size: bytes('Bytes.'),
          sha256: sha256('SHA-256 of the file.'),
          offset: bytes('Flash offset that the file is written to.').optional(),
        }),
      )
      .max(MOST_ARTIFACTS),
    signing: z
      .strictObject({
        scheme: z.enum(['rsa3072', 'ecdsa192', 'ecdsa256', 'ecdsa384']),
        keys: z
          .array(
            z.strictObject({
              digest: sha256(
                'SHA-256 of the public key as eFuse holds it (espsecure digest-sbv2-public-key).',
              ),
              role: z.enum(['image']),
              development: z.boolean().optional(),
            }),
          )
          .min(1)
          .max(3),
      })
      .nullable(),
    awaitsSignature: z
      .strictObject({
        scheme: z.enum(['rsa3072', 'ecdsa192', 'ecdsa256', 'ecdsa384']),
        bootloader: z.boolean().describe('The bootloader is to be signed as well.'),
      })
      .optional()
      .describe('The release is not signed yet, and was made ready for it: `ota-build sign` does.'),
    warnings: z
      .array(z.strictObject({ code: z.string(), message: z.string() }))
      .max(MOST_WARNINGS)
      .describe('What users of this release have to know.'),
  })
  .meta({ title: 'ota-build release manifest' });

/** manifest.json of a release. Offsets and sizes are in bytes. */
export type Manifest = z.infer<typeof manifestSchema>;
export type Artifact = Manifest['artifacts'][number];
export type ArtifactRole = Artifact['role'];

/** The manifest's JSON Schema (draft 2020-12), for readers in other languages. */
export function manifestJsonSchema(): unknown {
  return z.toJSONSchema(manifestSchema, { target: 'draft-2020-12', io: 'input' });
}

import { FormatError } from '../errors/families.ts';
import { checkSchema, z } from '../schema/schema.ts';
import { isChannel, newestFirst } from './versions.ts';

/** index.json and its signature, in the directory of a board. */
export const INDEX = 'index.json';
export const INDEX_SIGNATURE = 'index.json.sig';

/** An index of thousands of versions stays below; a file that claims more is not one. */
export const INDEX_LIMIT = 16 * 1024 * 1024;
/** As many as fit into that. Every wrong one of a list is described, which takes a hundred times the memory of the list. */
const MOST_VERSIONS = 16_384;
const MOST_CHANNELS = 1024;

const sha256 = (what: string) =>
  z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe(what);
/** As `checkVersion` of a plan has it. */
const version = z
  .string()
  .max(31)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/);
const channel = z.string().refine(isChannel, 'not the name of a channel');
const name = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9_]+$/);
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

const entrySchema = z.strictObject({
  version: version.describe('esp_app_desc_t.version of the app; also the name of its directory.'),
  channel: channel.describe('Channel that it was published to.'),
  publishedAt: z.iso.datetime().describe('UTC.'),
  secureVersion: count.max(0xffffffff).describe('esp_app_desc_t.secure_version of the app.'),
  sourceKind: z.enum(['micropython', 'prebuilt', 'drill']).describe('source.kind of its manifest.'),
  development: z.boolean().describe('Signed with a development key.'),
  keys: z.array(sha256('Digest of a key that signed the app.')).max(3),
  files: z
    .array(
      z.strictObject({
        file: z
          .string()
          .max(255)
          .regex(/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/),
        size: count.describe('Bytes.'),
        sha256: sha256('SHA-256 of the file.'),
      }),
    )
    .min(1)
    .max(64)
    .describe('Every file of the release directory.'),
});

export const releaseIndexSchema = z
  .strictObject({
    schema: z.literal(1).describe('Version of this format.'),
    board: name,
    variant: name.optional(),
    chip: z.string().max(32).describe("Espressif's target name, such as esp32c3."),
    sequence: count
      .min(1)
      .describe('Goes up by one with every change: a lower one is an old index.'),
    updatedAt: z.iso.datetime().describe('UTC.'),
    channels: z.record(channel, version).describe('The version that each channel has now.'),
    versions: z
      .array(entrySchema)
      .max(MOST_VERSIONS)
      .describe('Every published version, newest first.'),
  })
  .meta({ title: 'ota-build release index' });

/** index.json: what has been published for one board and variant. */
export type ReleaseIndex = z.infer<typeof releaseIndexSchema>;
export type IndexEntry = ReleaseIndex['versions'][number];
/** What an index is about; the same in every index of one board and variant. */
export type IndexSubject = Pick<ReleaseIndex, 'board' | 'variant' | 'chip'>;

/** The index's JSON Schema (draft 2020-12), for readers in other languages. */
export function releaseIndexJsonSchema(): unknown {
  return z.toJSONSchema(releaseIndexSchema, { target: 'draft-2020-12', io: 'input' });
}

/**
 * Reads index.json. `file` is what messages call it. Throws FormatError for anything that is not one, also for channels
 * and versions that contradict each other.
 */
export function parseReleaseIndex(bytes: Buffer, file: string): ReleaseIndex {
  if (bytes.length > INDEX_LIMIT)
    throw malformed(
      file,
      `it has ${bytes.length} bytes, at most ${INDEX_LIMIT} were expected`,
      'TOO_LARGE',
    );
  const json = parseJson(bytes, file);
  requireFewChannels(json, file);
  const result = checkSchema(releaseIndexSchema, json);
  if (!result.ok) {
    const [first] = result.issues;
    throw malformed(file, `${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`);
  }
  const index = result.value;
  const versions = new Set<string>();
  for (const { version: listed } of index.versions) {
    if (versions.has(listed)) throw malformed(file, `it lists version ${listed} twice`);
    versions.add(listed);
  }
  for (const [channelName, current] of Object.entries(index.channels)) {
    if (!versions.has(current))
      throw malformed(
        file,
        `channel ${channelName} has version ${current}, which it does not list`,
      );
  }
  return index;
}

/** Before the schema looks at each of them. */
function requireFewChannels(json: unknown, file: string): void {
  const { channels } = (json ?? {}) as { readonly channels?: unknown };
  const count = typeof channels === 'object' ? Object.keys(channels ?? {}).length : 0;
  if (count > MOST_CHANNELS)
    throw malformed(file, `it has ${count} channels, at most ${MOST_CHANNELS} were expected`);
}

function parseJson(bytes: Buffer, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(file, `it is not JSON (${(error as Error).message})`);
  }
}

function malformed(
  file: string,
  problem: string,
  code: 'BAD_VALUE' | 'TOO_LARGE' = 'BAD_VALUE',
): FormatError {
  return new FormatError(code, `${file} is not an index of releases: ${problem}`, {
    where: { file },
  });
}

/** index.json as it is published: the same index gives the same bytes. */
export function formatReleaseIndex(index: ReleaseIndex): Buffer {
  return Buffer.from(`${JSON.stringify(index, null, 2)}\n`);
}

/**
 * The index after a version was published to its channel: the next sequence number, the version in its place (an entry of the
 * same version is replaced), its channel pointing to it. `index` is undefined for the first.
 */
export function withEntry(
  index: ReleaseIndex | undefined,
  subject: IndexSubject,
  entry: IndexEntry,
): ReleaseIndex {
  const others = (index?.versions ?? []).filter((each) => each.version !== entry.version);
  const channels = { ...index?.channels, [entry.channel]: entry.version };
  return {
    schema: 1,
    board: subject.board,
    ...(subject.variant === undefined ? {} : { variant: subject.variant }),
    chip: subject.chip,
    sequence: (index?.sequence ?? 0) + 1,
    updatedAt: entry.publishedAt,
    channels: Object.fromEntries(Object.entries(channels).sort(([a], [b]) => (a < b ? -1 : 1))),
    versions: [...others, entry].sort((a, b) => newestFirst(a.version, b.version)),
  };
}

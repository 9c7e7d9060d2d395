import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { FetchError, UsageError } from '../errors/families.ts';
import { OtaBuildError } from '../errors/ota-build-error.ts';
import { clearOld } from '../files/cache-directory.ts';
import { makeDirectories } from '../files/make-directories.ts';
import { readInput } from '../files/read-input.ts';
import { describeWriteFailure } from '../files/write-failure.ts';
import { writeFileAtomically } from '../files/write-file.ts';
import { checkSchema, z } from '../schema/schema.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const seenSchema = z.strictObject({
  schema: z.literal(1),
  source: z.string(),
  target: z.string(),
  index: z
    .strictObject({ sequence: z.number().int().min(1), sha256: digest })
    .optional()
    .describe('The newest index; a source without indexes has none.'),
  keys: z.array(digest).describe('Keys that signed; none for what was taken unsigned.'),
  trusted: z.boolean().describe('A trust file said that these keys count.'),
  channels: z.record(z.string(), z.string()).describe('The newest version seen of each channel.'),
});

/** What is remembered of a source and target name from one fetch to the next. */
export type Seen = {
  readonly index?: { readonly sequence: number; readonly sha256: string };
  readonly keys: readonly string[];
  readonly trusted: boolean;
  readonly channels: Readonly<Record<string, string>>;
};

/** The memory of one source and target name. */
export type Memory = {
  /** Where it is kept. */
  readonly file: string;
  readonly recall: () => Promise<Seen | undefined>;
  /**
   * Written whole or not at all. An index older than one that another run has taken down meanwhile is not, unless what is
   * there counts for nothing (`afresh`).
   */
  readonly keep: (seen: Seen, options: { readonly afresh: boolean }) => Promise<void>;
};

/** Thousands of channels would still fit. */
const LARGEST = 256 * 1024;

/**
 * Opens the memory of a source and target name, in `ota-build/fetch` of XDG_STATE_HOME, else of ~/.local/state (XDG Base
 * Directory Specification). Reading throws FetchError (STATE_INVALID) for what is there and cannot be understood: forgetting
 * would let an old index pass for a new one.
 */
export function openMemory(
  environment: Readonly<Record<string, string | undefined>>,
  source: string,
  target: string,
): Memory {
  const directory = join(stateDirectory(environment), 'ota-build', 'fetch');
  const key = createHash('sha256').update(`${source}\n${target}`).digest('hex').slice(0, 32);
  const file = join(directory, `${target}-${key}.json`);
  const recall = (): Promise<Seen | undefined> => recallFrom(file, source, target);
  return {
    file,
    recall,
    keep: async (seen, { afresh }) => {
      const known = (await recall())?.index?.sequence ?? 0;
      if (!afresh && known > (seen.index?.sequence ?? known)) return;
      const text = JSON.stringify({ schema: 1, source, target, ...seen }, null, 2);
      try {
        await makeDirectories(directory, { mode: 0o700 });
        await clearOld(directory, /\.partial$/);
        await writeFileAtomically(file, Buffer.from(`${text}\n`), { mode: 0o600 });
      } catch (error) {
        throw describeFailure(describeWriteFailure(error, directory), file);
      }
    },
  };
}

function stateDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment['XDG_STATE_HOME'] ?? '';
  // A relative path in it counts as not set.
  return isAbsolute(base) ? base : join(environment['HOME'] ?? homedir(), '.local', 'state');
}

async function recallFrom(file: string, source: string, target: string): Promise<Seen | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readInput(file, 'what was seen of a source', LARGEST);
  } catch (error) {
    if (error instanceof UsageError && error.code === 'INPUT_MISSING') return undefined;
    if (error instanceof OtaBuildError) throw invalid(file, error.message);
    throw error;
  }
  const result = checkSchema(seenSchema, parseJson(bytes, file));
  if (!result.ok) throw invalid(file, result.issues[0]?.message ?? '');
  if (result.value.source !== source || result.value.target !== target)
    throw invalid(file, 'it is about another source');
  const { index, keys, trusted, channels } = result.value;
  return { ...(index === undefined ? {} : { index }), keys, trusted, channels };
}

function parseJson(bytes: Buffer, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid(file, 'it is not JSON');
  }
}

function invalid(file: string, problem: string): FetchError {
  return new FetchError(
    'STATE_INVALID',
    `${file} should say what was seen of this source before, and cannot be used: ${problem}`,
    {
      where: { file },
      hint: 'Remove it to start afresh; an old index is then not told from a new one, this once.',
    },
  );
}

function describeFailure(error: unknown, file: string): unknown {
  if (!(error instanceof UsageError)) return error;
  return new UsageError(
    error.code,
    `what was seen of this source cannot be kept: ${error.message}`,
    {
      where: { file },
      hint: 'Set XDG_STATE_HOME to a directory that you may write to.',
      cause: error,
    },
  );
}

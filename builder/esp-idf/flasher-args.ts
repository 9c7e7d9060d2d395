import { FormatError } from '../errors/families.ts';
import { checkSchema, z } from '../schema/schema.ts';

/** A file of an ESP-IDF build directory that goes into flash. */
export type FlashedFile = {
  /** Flash offset in bytes. */
  readonly offset: number;
  /** Relative to the build directory. */
  readonly file: string;
};

/** What an ESP-IDF build says that has to be flashed. */
export type FlasherArgs = {
  /** Espressif's target name. */
  readonly chip: string;
  readonly app: FlashedFile;
  /** Missing when hardware Secure Boot is on: idf.py then leaves the bootloader alone. */
  readonly bootloader?: FlashedFile;
  readonly partitionTable?: FlashedFile;
};

const offset = z
  .string()
  .regex(/^0x[0-9a-f]{1,8}$/i, 'expected an offset such as 0x10000')
  .transform(Number);

const flashedFile = z.looseObject({
  offset,
  file: z.string().refine(staysInside, 'expected a path inside of the build directory'),
});

/** ESP-IDF components/esptool_py/flasher_args.json.in, v5.0 to v6.0; what we do not use may be anything. */
const schema = z.looseObject({
  app: flashedFile,
  bootloader: flashedFile.optional(),
  'partition-table': flashedFile.optional(),
  partition_table: flashedFile.optional(),
  extra_esptool_args: z.looseObject({ chip: z.string() }),
});

/** A build directory names its own files: nothing above it, and nothing absolute. */
function staysInside(path: string): boolean {
  if (path === '' || /^([/\\]|[A-Za-z]:)|\0/.test(path)) return false;
  return !path.split(/[/\\]/).includes('..');
}

/**
 * Reads flasher_args.json of a finished ESP-IDF build. Throws FormatError that names what is wrong with it; `name` is
 * the file as messages show it.
 */
export function parseFlasherArgs(text: string, name: string): FlasherArgs {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FormatError('BAD_VALUE', `${name} is not JSON: ${(error as Error).message}`, {
      where: { file: name },
      cause: error,
    });
  }
  const result = checkSchema(schema, json);
  if (!result.ok) {
    const [issue] = result.issues;
    throw new FormatError(
      'BAD_VALUE',
      `${[name, ...(issue?.path ?? [])].join(': ')}: ${issue?.message ?? 'not as ESP-IDF writes it'}`,
      {
        where: { file: name },
        hint: 'Build again: idf.py writes this file when it configures a project.',
      },
    );
  }
  const { app, bootloader, extra_esptool_args: extra, ...rest } = result.value;
  const table = rest['partition-table'] ?? rest.partition_table;
  return {
    chip: extra.chip,
    app: pick(app),
    ...(bootloader === undefined ? {} : { bootloader: pick(bootloader) }),
    ...(table === undefined ? {} : { partitionTable: pick(table) }),
  };
}

function pick({ offset: at, file }: { offset: number; file: string }): FlashedFile {
  return { offset: at, file };
}

import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import type { Where } from '../errors/ota-build-error.ts';
import { FormatError, LayoutError } from '../errors/families.ts';
import { findInProject, listInProject } from '../files/project-lookup.ts';
import { readInput } from '../files/read-input.ts';
import {
  parsePartitionCsv,
  placePartitions,
  type PlacedPartition,
} from '../format/partition-csv.ts';
import { shortPath } from '../profile/load-profile.ts';
import type { Plan } from './plan.ts';

/** 95 rows at the most, with generous comments. */
const CSV_LIMIT = 64 * 1024;
const FOLDER = join('firmware', 'partitions');

export type LayoutRequest = {
  readonly projectDirectory: string;
  /** A name in firmware/partitions/, or the path of a CSV file. */
  readonly name: string;
  readonly tableOffset: number;
  readonly chip: Chip;
  /** For $VARIABLES in the CSV, which gen_esp32part expands too. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the profile names it. */
  readonly where?: Where | undefined;
};

/**
 * Finds a layout, reads it and gives every row its offset and size. Throws LayoutError that names file and line for
 * what gen_esp32part would refuse too; whether the table makes sense is for the partition step to say.
 */
export async function readLayout(request: LayoutRequest): Promise<Plan['layout']> {
  const path = await findLayout(request);
  const bytes = await readInput(path, 'a partition layout (CSV)', CSV_LIMIT);
  const file = shortPath(request.projectDirectory, path);
  return {
    name: request.name.replace(/^.*[/\\]/, '').replace(/\.csv$/, ''),
    file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    partitions: place(bytes, file, request).map((partition) => ({ ...partition })),
  };
}

function place(
  bytes: Buffer,
  file: string,
  { tableOffset, chip, environment }: LayoutRequest,
): readonly PlacedPartition[] {
  try {
    return placePartitions(parsePartitionCsv(bytes, { environment }), {
      tableOffset,
      primaryBootloaderOffset: chip.bootloaderOffset,
    });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const line = error.where?.line;
    throw new LayoutError(
      error.code === 'CSV_OVERLAP' ? 'PARTITION_OVERLAP' : 'PARTITION_CSV',
      `${file}${line === undefined ? '' : `:${line}`}: ${error.message}`,
      {
        where: { ...error.where, file },
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      },
    );
  }
}

async function findLayout({ projectDirectory, name, where }: LayoutRequest): Promise<string> {
  if (name.endsWith('.csv')) return isAbsolute(name) ? name : join(projectDirectory, name);
  const found = /^[A-Za-z0-9_.+-]{1,64}$/.test(name)
    ? await findInProject(projectDirectory, FOLDER, `${name}.csv`)
    : undefined;
  if (found !== undefined) return found.path;
  const known = await listInProject(projectDirectory, FOLDER, '.csv');
  throw new LayoutError('LAYOUT_UNKNOWN', `there is no layout '${name}'`, {
    hint: `Known layouts: ${known.join(', ')}. A layout is firmware/partitions/NAME.csv of the project, or the path of a CSV file.`,
    details: { known },
    ...(where === undefined ? {} : { where }),
  });
}

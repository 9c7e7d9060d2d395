import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** The first file of that name on PATH that can be run; undefined when there is none. */
export async function findProgram(
  name: string,
  environment: Environment,
): Promise<string | undefined> {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of folders) {
    const path = join(folder, name);
    const runs = await access(path, constants.X_OK)
      .then(() => stat(path))
      .then(
        (entry) => entry.isFile(),
        () => false,
      );
    if (runs) return path;
  }
  return undefined;
}

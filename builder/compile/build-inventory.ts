import { readdir, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { FormatError } from '../errors/families.ts';
import { parseDependenciesLock, type ManagedComponent } from '../esp-idf/dependencies-lock.ts';
import { parseProjectDescription } from '../esp-idf/project-description.ts';
import { hashInput, readInput } from '../files/read-input.ts';
import type { SourceTree } from '../micropython/source-tree.ts';
import { submoduleSources } from '../micropython/submodule-sources.ts';
import { checkSchema, z } from '../schema/schema.ts';
import type { ToolchainIdentity } from '../toolchain/toolchain.ts';

/** Where a finished build keeps the list of what went into it. */
export const INVENTORY = 'ota-build-inventory.json';

const LIMIT = 4 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const commit = z.string().regex(/^[0-9a-f]{40,64}$/);
const schema = z.strictObject({
  schema: z.literal(1),
  /** Of ESP-IDF, where git knows it. */
  idf: z.strictObject({ commit: commit.optional(), dirty: z.boolean().optional() }),
  submodules: z.array(
    z.strictObject({ path: z.string(), url: z.string().optional(), commit: commit.optional() }),
  ),
  /** Of the IDF component registry, as far as they were compiled in. */
  components: z.array(
    z.strictObject({ name: z.string(), version: z.string(), hash: sha256.optional() }),
  ),
  /** Compiled Python files in the firmware, `asyncio/core.mpy`. */
  frozen: z.array(z.strictObject({ file: z.string(), sha256 })),
});

/** What went into a build from source, beside the commits that a plan names. */
export type BuildInventory = Readonly<z.infer<typeof schema>>;

export type InventoryRequest = {
  /** The build directory. */
  readonly build: string;
  /** The copy of the sources in which it was built. */
  readonly tree: string;
  /** Where the copy was made from. */
  readonly original: Pick<SourceTree, 'directory' | 'submodules'>;
  readonly idf: ToolchainIdentity['source'];
  readonly chip: string;
};

/** Takes down what went into a finished build, in the build directory. Throws FormatError for a lock file that is none. */
export async function writeInventory(request: InventoryRequest): Promise<void> {
  const { build, original, idf } = request;
  const inventory: BuildInventory = {
    schema: 1,
    idf: { ...idf },
    submodules: [...(await submoduleSources(original))],
    components: [...(await managedComponents(request))],
    frozen: await frozenFiles(join(build, 'frozen_mpy')),
  };
  await writeFile(join(build, INVENTORY), `${JSON.stringify(inventory, null, 2)}\n`);
}

/** The list in a build directory. Throws FormatError when it is damaged. */
export async function readInventory(directory: string): Promise<BuildInventory> {
  const file = join(directory, INVENTORY);
  const bytes = await readInput(file, 'the list of what went into a build', LIMIT);
  const result = checkSchema(schema, parseJson(bytes));
  if (result.ok) return result.value;
  const [issue] = result.issues;
  throw new FormatError('BAD_VALUE', `${file}: ${issue?.path.join('.')}: ${issue?.message}`, {
    where: { file },
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * A lock file lists what was resolved; what the build took in, its own description says. The component manager writes a `/`
 * in a name as `__`. Places: MicroPython ports/esp32/CMakeLists.txt, DEPENDENCIES_LOCK since v1.26; ESP-IDF's default before.
 */
async function managedComponents({
  build,
  tree,
  chip,
}: InventoryRequest): Promise<readonly ManagedComponent[]> {
  const description = join(build, 'project_description.json');
  const { components: built } = parseProjectDescription(
    await readInput(description, 'the description of a build', LIMIT),
    description,
  );
  const port = join(tree, 'ports', 'esp32');
  for (const name of [`lockfiles/dependencies.lock.${chip}`, 'dependencies.lock']) {
    const bytes = await readInput(join(port, name), 'a lock file', LIMIT).catch(() => undefined);
    if (bytes === undefined) continue;
    const lock = parseDependenciesLock(bytes, name);
    if (lock.target !== undefined && lock.target !== chip) continue;
    return lock.components.filter((each) => built?.includes(each.name.replaceAll('/', '__')));
  }
  return [];
}

async function frozenFiles(folder: string): Promise<{ file: string; sha256: string }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.mpy'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
  const files: { file: string; sha256: string }[] = [];
  for (const file of paths) {
    const { sha256: digest } = await hashInput(join(folder, file), 'a frozen module');
    files.push({ file, sha256: digest });
  }
  return files;
}

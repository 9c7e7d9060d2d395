import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CompileError } from '../errors/families.ts';
import { cacheDirectory, clearOld } from '../files/cache-directory.ts';
import { findProgram } from '../files/find-program.ts';
import { packageDirectory } from '../files/package-directory.ts';
import { hashInput, readInput } from '../files/read-input.ts';
import { fingerprintOf } from '../micropython/fingerprint.ts';
import { openSourceTree, type SourceTree } from '../micropython/source-tree.ts';
import { copyWorkTree } from '../micropython/work-tree.ts';
import type { Context } from '../pipeline/context.ts';
import { openToolchain } from '../toolchain/open-toolchain.ts';
import type { Toolchain, ToolchainIdentity } from '../toolchain/toolchain.ts';
import { buildCache, cacheKey, type BuildCache } from './build-cache.ts';
import { INVENTORY, writeInventory } from './build-inventory.ts';
import { requireSameSources, writeBuildInputs, type BuildInputs } from './build-inputs.ts';
import { runIdf } from './run-idf.ts';
import { fragmentsFor, requireOptions, type MicroPythonPlan } from './sdkconfig.ts';
import { createWorkDirectory } from './work-directory.ts';

/** Files of a finished build that a release is made from; the rest are some thousand objects. */
const RESULTS = [
  'flasher_args.json',
  'project_description.json',
  'sdkconfig',
  'micropython.bin',
  'micropython.elf',
  'micropython.map',
  'bootloader/bootloader.bin',
  'partition_table/partition-table.bin',
] as const;

/** How long the logs of builds are kept. */
const LOGS_MS = 30 * 24 * 60 * 60_000;

export type CompileOptions = {
  /** False compiles although nothing changed; the result is kept all the same. */
  readonly useCache: boolean;
};

/** A finished ESP-IDF build directory, or as much of one as a release needs. */
export type FinishedBuild = {
  readonly directory: string;
  readonly fromCache: boolean;
  /** Takes it out of the cache, when it turns out that no release can be made of it. */
  readonly discard: () => Promise<void>;
};

/**
 * Compiles MicroPython with the OTA module for a plan: copies the sources, builds aside, keeps the result in the cache.
 * Nothing is compiled when plan, sources, toolchain and our own firmware files are as they were for an earlier build.
 * Throws ToolchainError, CompileError or LayoutError; a build that fails leaves only its log.
 */
export async function compileMicroPython(
  context: Context,
  plan: MicroPythonPlan,
  { useCache }: CompileOptions,
): Promise<FinishedBuild> {
  const { environment, projectDirectory, signal } = context;
  const root = cacheDirectory(environment);
  const original = await openSourceTree(resolve(projectDirectory, plan.source.directory), root);
  const toolchain = await openToolchain(plan.source, {
    environment,
    signal,
    note: (message) => {
      context.note(message);
    },
  });
  context.note(`MicroPython ${plan.source.described} with ${toolchain.title}`);
  const cache = buildCache(root);
  const identity = await toolchain.identify();
  const key = await keyOf(plan, identity);
  if (useCache && key !== undefined) {
    const directory = await cache.find(key);
    if (directory !== undefined && (await isAllThatCounts(original, plan))) {
      context.note('nothing changed since an earlier build: its result is taken from the cache');
      return { directory, fromCache: true, discard: () => cache.discard(directory) };
    }
  }
  return build({ context, plan, original, toolchain, identity, root, cache, key });
}

/** False when the sources lead to files that are in no fingerprint. Throws CompileError when they are not those of the plan. */
async function isAllThatCounts(
  original: SourceTree,
  { source }: MicroPythonPlan,
): Promise<boolean> {
  const { fingerprint, readsElsewhere } = await fingerprintOf(original);
  requireSameSources(source.fingerprint, fingerprint, source.directory);
  return !readsElsewhere;
}

type Build = {
  readonly context: Context;
  readonly plan: MicroPythonPlan;
  /** The user's sources, which are only read. */
  readonly original: SourceTree;
  readonly toolchain: Toolchain;
  readonly identity: ToolchainIdentity;
  readonly root: string;
  readonly cache: BuildCache;
  readonly key: string | undefined;
};

async function build(request: Build): Promise<FinishedBuild> {
  const { context, plan, original, toolchain, identity, root, cache, key } = request;
  const work = await createWorkDirectory(
    root,
    [original.directory, plan.board, plan.variant ?? ''].join('\n'),
  );
  try {
    const tree = join(work.path, 'micropython');
    const copied = await copyWorkTree(original, tree, {
      withHostTools: toolchain.kind === 'local',
      throwIfInterrupted: () => {
        context.throwIfInterrupted();
      },
    });
    requireSameSources(plan.source.fingerprint, copied.fingerprint, plan.source.directory);
    const inputs = await writeBuildInputs(plan, {
      tree,
      inputs: join(work.path, 'inputs'),
      projectDirectory: context.projectDirectory,
      boardManifest: inTree(plan.source.boardManifest, original.directory, tree),
    });
    const directory = join(work.path, 'build');
    const logFile = join(root, 'logs', `${plan.stem}-${basename(work.path)}.log`);
    await runIdf(context, {
      toolchain,
      build: directory,
      tree: { copy: tree, original: original.directory },
      logFile,
      request: {
        program: 'idf.py',
        args: ['-B', directory, ...inputs.definitions.flatMap((each) => ['-D', each]), 'build'],
        directory: join(tree, 'ports', 'esp32'),
        environment: await buildEnvironment(request, work.path),
        reads: readPlaces(request),
        writes: [work.path],
      },
    });
    await checkOutcome({ directory, inputs, chip: plan.chip, logFile });
    const idf = identity.source;
    await writeInventory({ build: directory, tree, original, idf, chip: plan.chip });
    await clearOld(dirname(logFile), /\.log$/, LOGS_MS);
    const keptFor = copied.readsElsewhere ? undefined : key;
    const kept = await cache.keep(keptFor, directory, [...RESULTS, INVENTORY]);
    return { directory: kept, fromCache: false, discard: () => cache.discard(kept) };
  } finally {
    await work.remove();
  }
}

type Outcome = {
  readonly directory: string;
  readonly inputs: BuildInputs;
  readonly chip: string;
  readonly logFile: string;
};

async function checkOutcome({ directory, inputs, chip, logFile }: Outcome): Promise<void> {
  for (const file of RESULTS) {
    await hashInput(join(directory, file), 'a file of the finished build').catch(
      (error: unknown) => {
        throw new CompileError('BUILD_INCOMPLETE', `idf.py ended well, but made no ${file}`, {
          where: { file: logFile },
          hint: `The full log is ${logFile}`,
          cause: error,
        });
      },
    );
  }
  const path = join(directory, 'sdkconfig');
  const sdkconfig = await readInput(path, 'an sdkconfig', 4 * 1024 * 1024);
  requireOptions(sdkconfig.toString(), inputs.sdkconfig, chip);
  // A release carries it: where it was built is nobody's business, and the same plan gives the same bytes.
  await writeFile(path, inputs.withoutPlaces(sdkconfig.toString()));
}

/** Directories outside of the work directory that the build reads. */
function readPlaces({ plan, context }: Build): readonly string[] {
  const { boardDirectory: own, userModules, frozenManifest } = plan.source;
  const files = [...userModules, ...(frozenManifest === undefined ? [] : [frozenManifest])];
  return [
    ...new Set([
      join(packageDirectory(), 'firmware'),
      ...(own === undefined ? [] : [resolve(context.projectDirectory, own)]),
      // A module may read what lies beside it.
      ...(files.length > 0 ? [context.projectDirectory] : []),
    ]),
  ];
}

/** What the compiler is told beside its arguments; the same plan is told the same. */
async function buildEnvironment(
  { context, plan, toolchain }: Build,
  work: string,
): Promise<Record<string, string>> {
  const { source } = plan;
  const hasCcache =
    toolchain.kind === 'local' && (await findProgram('ccache', context.environment)) !== undefined;
  return {
    SOURCE_DATE_EPOCH: String(Date.parse(source.builtAt) / 1000),
    MICROPY_GIT_TAG: source.described,
    MICROPY_GIT_HASH: source.commit?.slice(0, 10) ?? '<no hash>',
    // The tree has no git of its own, in which this would look for changes; nor is one above it any business of the build.
    MICROPY_MAINTAINER_BUILD: '0',
    GIT_CEILING_DIRECTORIES: dirname(work),
    // Without a base directory, even one that its user has set: ccache would hand the compiler relative paths, which get into
    // the ELF file, and the app names that file by its SHA-256.
    ...(hasCcache ? { IDF_CCACHE_ENABLE: '1', CCACHE_BASEDIR: '' } : {}),
  };
}

/** The path in the copy that belongs to a path in the original. */
function inTree(path: string, original: string, copy: string): string {
  const inside = relative(original, path);
  return inside.startsWith('..') ? path : join(copy, inside);
}

/**
 * The key of all that goes into a build; undefined for one that also reads files that we do not know of: C modules and
 * manifests of the project may take in anything.
 */
async function keyOf(
  plan: MicroPythonPlan,
  { identity }: ToolchainIdentity,
): Promise<string | undefined> {
  const { source, signing, board, variant, chip, version, projectName, secureVersion } = plan;
  if (source.userModules.length > 0 || source.frozenManifest !== undefined) return undefined;
  if (source.boardDirectory !== undefined) return undefined;
  // Where the sources lie does not get into the firmware.
  const { directory: _directory, boardManifest: _manifest, ...sources } = source;
  return cacheKey({
    // Builds that were kept without one are made again.
    inventory: 1,
    ...{ board, variant, chip, version, projectName, secureVersion, sources },
    layout: plan.layout.partitions,
    tableOffset: plan.partitionTableOffset,
    flash: plan.flash,
    // Signing by itself happens to what was compiled.
    scheme: source.verification === 'none' ? undefined : signing?.scheme,
    fragments: fragmentsFor(plan),
    toolchain: identity,
    firmware: await hashFirmware(),
  });
}

/** Everything of ours that the build reads. */
async function hashFirmware(): Promise<string> {
  const root = join(packageDirectory(), 'firmware');
  const hash = createHash('sha256');
  for (const folder of ['ota', 'modules', 'sdkconfig']) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort();
    for (const file of files) {
      const { sha256 } = await hashInput(join(root, file), 'a firmware source');
      hash.update(`${file}\0${sha256}\0`);
    }
  }
  return hash.digest('hex');
}

import { join, resolve } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { ProfileError, ToolchainError } from '../errors/families.ts';
import { cacheDirectory } from '../files/cache-directory.ts';
import { findProgram } from '../files/find-program.ts';
import { packageDirectory } from '../files/package-directory.ts';
import { readInput } from '../files/read-input.ts';
import { readBoard, type BoardFacts, type RunCmake } from '../micropython/board.ts';
import { openCheckout, type Checkout } from '../micropython/checkout.ts';
import { fetchCheckout } from '../micropython/fetch-checkout.ts';
import { micropythonTag } from '../micropython/version.ts';
import { runTool } from '../process/run-tool.ts';
import { shortPath } from '../profile/load-profile.ts';
import { MICROPYTHON_DEFAULT, type Profile } from '../profile/profile.ts';
import { chooseToolchain, requireToolchain } from '../toolchain/choose-toolchain.ts';
import { idfTag } from '../toolchain/idf-version.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';
import { isContinuousIntegration } from './continuous-integration.ts';
import type { PlanRequest } from './make-plan.ts';
import type { MicroPythonSource, Plan } from './plan.ts';

const CMAKE_MS = 120_000;

/** Sources, toolchain and board of a build from source. */
export type Sources = {
  readonly checkout: Checkout;
  readonly toolchain: Toolchain;
  readonly board: string;
  readonly facts: BoardFacts;
};

type CompileSettings = Pick<Profile, 'micropython' | 'espIdf'> & { readonly board: string };

/**
 * Gets MicroPython's sources (named, or fetched into the cache), the toolchain that fits them, and what the board's own
 * files say. Throws ToolchainError, FetchError or ProfileError.
 */
export async function findSources(
  request: PlanRequest,
  { micropython, espIdf, board: name }: CompileSettings,
): Promise<Sources> {
  const { environment, signal, note } = request.host;
  // Before anything is fetched: without a toolchain it would be for nothing.
  await requireToolchain(request.toolchain, environment);
  const directory = await sourceDirectory(request, micropython);
  const checkout = await openCheckout(directory, cacheDirectory(environment));
  const toolchain = await chooseToolchain({
    choice: request.toolchain,
    micropython: checkout.version,
    idfVersion: request.idfVersion ?? espIdf.version,
    image: request.container ?? espIdf.container,
    requirePinned: isContinuousIntegration(environment),
    environment,
    signal,
    note,
  });
  const board = micropython.board ?? name;
  const facts = await readBoard(
    {
      micropython: directory,
      board,
      directory: fromProject(request, micropython.boardDirectory),
      variant: request.variant,
    },
    await cmakeOf(toolchain, request, directory),
  );
  return { checkout, toolchain, board, facts };
}

async function sourceDirectory(
  request: PlanRequest,
  { version, commit, repository }: Profile['micropython'],
): Promise<string> {
  if (request.micropython !== undefined)
    return resolve(request.projectDirectory, request.micropython);
  const { environment, signal, note } = request.host;
  const isDefault = version === MICROPYTHON_DEFAULT.version && repository === undefined;
  return fetchCheckout(
    {
      version,
      repository: locate(repository, request.projectDirectory),
      commit: commit ?? (isDefault ? MICROPYTHON_DEFAULT.commit : undefined),
    },
    { cacheDirectory: cacheDirectory(environment), environment, signal, note },
  );
}

/** A path is one in the project; a URL, and a name of another machine (`git@host:path`), is what it is. */
function locate(repository: string | undefined, projectDirectory: string): string | undefined {
  if (repository === undefined || /^[\w+.-]+:\/\/|^[^/]+:/.test(repository)) return repository;
  return resolve(projectDirectory, repository);
}

/** The cmake of this machine where there is one: a board's files are plain CMake, and starting a container takes longer. */
async function cmakeOf(
  toolchain: Toolchain,
  { host: { environment, signal } }: PlanRequest,
  checkout: string,
): Promise<RunCmake> {
  const onHost =
    toolchain.kind === 'container' ? await findProgram('cmake', environment) : undefined;
  return async (args, directory) => {
    const facts = args.find((each) => each.startsWith('-DFACTS='))?.slice('-DFACTS='.length) ?? '';
    const {
      program,
      args: all,
      environment: inside,
    } = onHost === undefined
      ? toolchain.invocation({
          program: 'cmake',
          args,
          directory,
          environment: {},
          reads: [checkout, packageDirectory()],
          writes: [join(facts, '..')],
        })
      : { program: onHost, args, environment };
    const result = await runTool(program, all, {
      directory,
      timeoutMs: CMAKE_MS,
      environment: inside,
      signal,
    });
    if (signal.aborted) throw signal.reason;
    if (result.ok || result.stderr !== '') return result;
    throw new ToolchainError('TOOL_MISSING', 'cmake was not found; ESP-IDF builds with it', {
      hint: "Install cmake, or run ESP-IDF's install.sh and export.sh, which bring one.",
    });
  };
}

/** The chip of a board. Throws ProfileError when the profile says another one than MicroPython, or nobody knows it. */
export function chipOfBoard({ facts, board }: Sources, profile: Profile | undefined): Chip {
  const chip = findChipByName(facts.target);
  if (chip === undefined) {
    throw new ProfileError(
      'PROFILE_INVALID',
      `board ${board} has an ${facts.target}, a chip that this version of ota-build does not know`,
    );
  }
  if (profile === undefined || profile.chip === chip.name) return chip;
  throw new ProfileError(
    'BOARD_MISMATCH',
    `the profile of ${profile.board} says chip ${profile.chip}, but MicroPython's board ${board} has an ${chip.name}`,
    { hint: `Set chip: ${chip.name} in the profile, or micropython.board to another board.` },
  );
}

/** What of a plan decides how its firmware is compiled. */
export type BuildDecisions = {
  readonly chip: Chip;
  readonly signing: Plan['signing'];
  /** Bytes of the smallest slot for an app. */
  readonly smallestSlot: number;
};

/** What the plan keeps of the sources: all that decides what the compiler makes. */
export async function describeSources(
  request: PlanRequest,
  { checkout, toolchain, board, facts }: Sources,
  profile: Profile,
  { chip, signing, smallestSlot }: BuildDecisions,
): Promise<MicroPythonSource> {
  const { micropython } = profile;
  requireProjectName(request.projectName ?? profile.projectName);
  return {
    kind: 'micropython',
    directory: shortPath(request.projectDirectory, checkout.directory),
    version: micropythonTag(checkout.version),
    described: checkout.described,
    ...(checkout.commit === undefined ? {} : { commit: checkout.commit }),
    dirty: checkout.dirty,
    fingerprint: checkout.fingerprint,
    builtAt: builtAt(request, checkout),
    board,
    ...(micropython.boardDirectory === undefined
      ? {}
      : { boardDirectory: micropython.boardDirectory }),
    boardManifest: facts.manifest,
    idfVersion: idfTag(toolchain.idf),
    toolchain: toolchain.facts,
    otaExtended: micropython.otaExtended,
    optimization: optimizationFor(micropython.optimization, smallestSlot),
    verification: verificationOf(profile, chip, signing),
    userModules: micropython.userModules,
    ...(micropython.frozenManifest === undefined
      ? {}
      : { frozenManifest: micropython.frozenManifest }),
    sdkconfig: await Promise.all(
      micropython.sdkconfig.map(async (file) => {
        const path = resolve(request.projectDirectory, file);
        const text = (await readInput(path, 'sdkconfig lines', 1024 * 1024)).toString();
        return { file, text };
      }),
    ),
  };
}

/** CMake and the compiler get it: in a list, in quotes, as a replacement, and no definition with a #. Throws ProfileError for what would not arrive. */
function requireProjectName(name: string): void {
  if (/^[\x20-\x7e]{1,31}$/.test(name) && !/[#;"\\$]/.test(name)) return;
  throw new ProfileError(
    'DESCRIPTION_TEXT',
    `the project name '${name}' cannot be compiled in: expected 1 to 31 characters of printable ASCII, without # ; " \\ and $`,
  );
}

/**
 * Who checks the signature on the device. Where a profile does not say: the running app, unless that would shut out
 * revisions of the chip that are in the field and cannot check such a signature.
 */
function verificationOf(
  { signing: asked }: Profile,
  { secureBootV2 }: Chip,
  signing: Plan['signing'],
): MicroPythonSource['verification'] {
  if (signing === null) return 'none';
  if (signing.bootloader) return 'secure-boot';
  if (asked?.verification !== undefined) return asked.verification;
  const shutsOut = signing.scheme === 'rsa3072' && secureBootV2.rsaFromRevision !== undefined;
  return shutsOut ? 'none' : 'on-update';
}

/** SOURCE_DATE_EPOCH, else when the sources were committed: the same sources carry the same date. */
function builtAt({ host: { environment } }: PlanRequest, { committedAt }: Checkout): string {
  const epoch = environment['SOURCE_DATE_EPOCH'];
  const seconds = epoch !== undefined && /^\d{1,12}$/.test(epoch) ? Number(epoch) : committedAt;
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

/** MicroPython's stock builds are optimised for speed and have about 1.75 MB: smaller slots need -Os. */
const ROOMY_SLOT = 0x1c0000;

function optimizationFor(
  asked: Profile['micropython']['optimization'],
  smallestSlot: number,
): 'size' | 'board' {
  if (asked !== 'auto') return asked;
  return smallestSlot < ROOMY_SLOT ? 'size' : 'board';
}

function fromProject(
  { projectDirectory }: PlanRequest,
  path: string | undefined,
): string | undefined {
  return path === undefined ? undefined : resolve(projectDirectory, path);
}

import { ToolchainError } from '../errors/families.ts';
import { findProgram } from '../files/find-program.ts';
import { micropythonTag, type MicroPythonVersion } from '../micropython/version.ts';
import { containerToolchain, findContainerEngine, isPinned } from './container.ts';
import { recommendedIdf, requireSupportedIdf } from './idf-support.ts';
import { findLocalIdf, localToolchain } from './local.ts';
import { normalIdfTag } from './idf-version.ts';
import type { Environment, Toolchain } from './toolchain.ts';

/** `auto`: ESP-IDF of this machine, else a container. */
export type ToolchainChoice = 'auto' | 'local' | 'container';

export type ToolchainRequest = {
  readonly choice: ToolchainChoice;
  readonly micropython: MicroPythonVersion;
  /** ESP-IDF release that the profile asks for, `v5.5.1`. */
  readonly idfVersion: string | undefined;
  /** Container image that the profile names. */
  readonly image: string | undefined;
  /** In CI an image must be named by digest. */
  readonly requirePinned: boolean;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly note: (message: string) => void;
};

/**
 * Finds the ESP-IDF that a MicroPython version is built with. Throws ToolchainError that says what was looked for and
 * what to do when there is none, or when the one that is there has the wrong version.
 */
export async function chooseToolchain(request: ToolchainRequest): Promise<Toolchain> {
  const toolchain = await findToolchain(request);
  requireSupportedIdf(toolchain.idf, request.micropython, {
    pinned: request.idfVersion,
    where: toolchain.title.replace(/^.* in /, ''),
  });
  return toolchain;
}

/** Throws ToolchainError when there is nothing here that could be a toolchain: a cheap question, before dear ones. */
export async function requireToolchain(
  choice: ToolchainChoice,
  environment: Environment,
): Promise<void> {
  const local = choice !== 'container' && (await hasLocalIdf(environment));
  if (local) return;
  if (choice !== 'local' && (await findContainerEngine(environment)) !== undefined) return;
  throw noToolchain(choice);
}

async function hasLocalIdf(environment: Environment): Promise<boolean> {
  if ((environment['IDF_PATH'] ?? '') !== '') return true;
  return (await findProgram('idf.py', environment)) !== undefined;
}

async function findToolchain(request: ToolchainRequest): Promise<Toolchain> {
  const { choice, environment } = request;
  if (choice !== 'container') {
    const idf = await findLocalIdf(environment);
    if (idf !== undefined) return localToolchain(idf);
    if (choice === 'local') throw noToolchain(choice);
  }
  const engine = await findContainerEngine(environment);
  if (engine === undefined) throw noToolchain(choice);
  const image = request.image ?? defaultImage(request);
  const toolchain = await containerToolchain({ ...request, engine, image });
  if (isPinned(image)) return toolchain;
  const { facts } = toolchain;
  const pin = facts.kind === 'container' ? facts.image : image;
  if (request.requirePinned) {
    throw new ToolchainError(
      'CONTAINER_UNPINNED',
      `the container image ${image} is named by a tag, which may mean something else tomorrow; CI takes images by digest`,
      { hint: `Put it into the profile: espIdf.container: ${pin}` },
    );
  }
  request.note(`${image} is ${pin}; a profile with espIdf.container takes the same one every time`);
  return toolchain;
}

function defaultImage({ idfVersion, micropython }: ToolchainRequest): string {
  const tag = idfVersion === undefined ? recommendedIdf(micropython) : normalIdfTag(idfVersion);
  if (tag !== undefined) return `espressif/idf:${tag}`;
  throw new ToolchainError(
    'IDF_VERSION',
    `which ESP-IDF MicroPython ${micropythonTag(micropython)} builds with is not known to this version of ota-build`,
    { hint: "Name one in the board's profile: espIdf.version, or espIdf.container." },
  );
}

const LOOKED_FOR: Readonly<Record<ToolchainChoice, string>> = {
  auto: 'IDF_PATH is not set, and neither idf.py, docker nor podman is on PATH',
  local: 'IDF_PATH is not set, and idf.py is not on PATH',
  container: 'neither docker nor podman is on PATH',
};

function noToolchain(choice: ToolchainChoice): ToolchainError {
  return new ToolchainError(
    'IDF_MISSING',
    `there is no ESP-IDF to compile MicroPython with: ${LOOKED_FOR[choice]}`,
    {
      hint:
        'Install ESP-IDF (`ota-build doctor` says which version and how) or docker, or repackage a released image with --firmware FILE. ' +
        'The built-in rollback drill needs neither: --firmware drill.',
    },
  );
}

import { ToolchainError } from '../errors/families.ts';
import { containerToolchain, findContainerEngine } from './container.ts';
import { idfTag } from './idf-version.ts';
import { findLocalIdf, localToolchain } from './local.ts';
import type { Environment, Toolchain, ToolchainFacts } from './toolchain.ts';

/** What a plan says of its toolchain. */
export type PlannedToolchain = {
  readonly toolchain: ToolchainFacts;
  /** `v5.5.1`. */
  readonly idfVersion: string;
};

export type OpenHost = {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly note: (message: string) => void;
};

/** Finds the toolchain of a plan again. Throws ToolchainError when it is not here, or not the one that was planned with. */
export async function openToolchain(
  { toolchain, idfVersion }: PlannedToolchain,
  host: OpenHost,
): Promise<Toolchain> {
  const found = await find(toolchain, host);
  if (idfTag(found.idf) === idfVersion) return found;
  throw new ToolchainError(
    'IDF_VERSION',
    `the plan was made for ESP-IDF ${idfVersion}, but here is ${found.title}`,
    { hint: 'Plan again, or use the ESP-IDF of the plan.' },
  );
}

async function find(planned: ToolchainFacts, host: OpenHost): Promise<Toolchain> {
  if (planned.kind === 'local') {
    const idf = await findLocalIdf(host.environment);
    if (idf !== undefined) return localToolchain(idf);
    throw new ToolchainError(
      'IDF_MISSING',
      'the plan was made for a local ESP-IDF; there is none',
      {
        hint: "Run ESP-IDF's export.sh, or plan again with --toolchain container.",
      },
    );
  }
  const engine = await findContainerEngine(host.environment);
  if (engine !== undefined) return containerToolchain({ ...host, engine, image: planned.image });
  throw new ToolchainError(
    'TOOL_MISSING',
    `the plan was made for the container image ${planned.image}; neither docker nor podman is on PATH`,
    { hint: 'Install docker or podman, or plan again with --toolchain local.' },
  );
}

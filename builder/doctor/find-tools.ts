import { findProgram } from '../files/find-program.ts';
import { runTool } from '../process/run-tool.ts';
import type { Environment } from '../toolchain/toolchain.ts';

/** An external program, as it was found or not. */
export type Tool = {
  readonly name: string;
  /** `missing` is not there, `unusable` is there and of no use: `problem` says why. */
  readonly state: 'found' | 'missing' | 'unusable';
  readonly path?: string;
  readonly version?: string;
  readonly neededFor: string;
  /** True for what a build can do without. */
  readonly optional: boolean;
  readonly problem?: string;
  /** How to get it, for what is not `found`. */
  readonly hint?: string;
};

/** A program that is looked for. */
export type Wanted = {
  /** Names that it goes by, the usual one first. */
  readonly names: readonly [string, ...string[]];
  /** Arguments that make it say its version; it has to succeed with them. */
  readonly ask: readonly string[];
  readonly neededFor: string;
  readonly optional: boolean;
  readonly hint: string;
  /** First major version that is of use, and why. */
  readonly since?: { readonly major: number; readonly because: string };
};

const TIMEOUT_MS = 20_000;

/** Looks for a program on PATH and asks for its version. Throws nothing: what is wrong is in the answer. */
export async function findTool(
  { names, ask, neededFor, optional, hint, since }: Wanted,
  environment: Environment,
): Promise<Tool> {
  const [name] = names;
  for (const each of names) {
    const path = await findProgram(each, environment);
    if (path === undefined) continue;
    const { ok, stdout, stderr } = await runTool(path, ask, {
      directory: '/',
      timeoutMs: TIMEOUT_MS,
      environment,
    });
    const common = { name, path, neededFor, optional };
    if (!ok) {
      const problem = stderr.trim().split('\n').at(-1) ?? '';
      return { ...common, state: 'unusable', problem: problem || 'it does not run', hint };
    }
    const version = /\d+\.\d+(?:\.\d+)*/.exec(`${stdout}\n${stderr}`)?.[0];
    if (version === undefined) return { ...common, state: 'found' };
    if (since !== undefined && Number.parseInt(version) < since.major)
      return { ...common, version, state: 'unusable', problem: since.because, hint };
    return { ...common, version, state: 'found' };
  }
  return { name, state: 'missing', neededFor, optional, hint };
}

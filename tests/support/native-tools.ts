import { execFileSync } from 'node:child_process';
import { isMissing, runTool, type ToolResult } from './oracle.ts';

/** What to put in the name of a suite that is skipped without the tools. */
export const NEEDS_NATIVE_TOOLS = 'needs cmake 3.16, ninja or make, and a C compiler (cc)';

/** True when tests that build with the host's tools have to be skipped; throws where none may be skipped. */
export function nativeToolsMissing(): boolean {
  return isMissing(
    generator() === undefined || !runs('cc') ? undefined : 'found',
    NEEDS_NATIVE_TOOLS,
  );
}

let found: { readonly generator: string | undefined } | undefined;

function generator(): string | undefined {
  found ??= { generator: findGenerator() };
  return found.generator;
}

function findGenerator(): string | undefined {
  if (!runs('cmake')) return undefined;
  if (runs('ninja')) return 'Ninja';
  return runs('make') ? 'Unix Makefiles' : undefined;
}

function runs(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export type Environment = Readonly<Record<string, string>>;

/** Configures a CMake project with these cache variables; `environment` is added to that of the tests. */
export async function configure(
  source: string,
  directory: string,
  options: { readonly cache: Readonly<Record<string, string>>; readonly environment: Environment },
): Promise<ToolResult> {
  const cache = Object.entries(options.cache).map(([key, value]) => `-D${key}=${value}`);
  const project = ['-S', source, '-B', directory, '-G', generator() ?? '', ...cache];
  return runCmake(project, source, options.environment);
}

/** Builds a configured project. */
export async function build(directory: string, environment: Environment): Promise<ToolResult> {
  return runCmake(['--build', directory], directory, environment);
}

function runCmake(
  args: readonly string[],
  directory: string,
  environment: Environment,
): Promise<ToolResult> {
  const assignments = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  return runTool('env', [...assignments, 'cmake', ...args], directory);
}

/** What CMake says in an error or a warning, without its line breaks and indentation. */
export function unwrapped(output: string): string {
  return output.replaceAll(/\s+/g, ' ');
}

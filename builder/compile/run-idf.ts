import { createWriteStream } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { CompileError, LayoutError, ToolchainError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { makeCacheDirectory } from '../files/cache-directory.ts';
import type { Context } from '../pipeline/context.ts';
import { streamTool, type StreamResult } from '../process/run-tool.ts';
import type { InvocationRequest, Toolchain } from '../toolchain/toolchain.ts';
import { findBuildFailure, findSlotOverflow } from './build-failure.ts';
import { NinjaProgress } from './ninja-progress.ts';

export type IdfRun = {
  readonly toolchain: Toolchain;
  readonly request: InvocationRequest;
  /** Directory that the build happens in: compilers name files relative to it. */
  readonly build: string;
  /** The throw-away source tree, and the tree that it is a copy of: errors name the latter. */
  readonly tree: { readonly copy: string; readonly original: string };
  /** Every line goes here. */
  readonly logFile: string;
};

/** A build that writes without end must not fill our memory: of so many lines the first and the last are kept. */
const KEPT_LINES = 20_000;

/** Colours and the like (ECMA-48): ESP-IDF asks compilers for them wherever their output goes. */
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;

/**
 * Runs idf.py and reports its progress. Throws CompileError with the first real error when it fails, LayoutError when the
 * app is larger than its slot, ToolchainError when idf.py is not there.
 */
export async function runIdf(context: Context, run: IdfRun): Promise<void> {
  const { toolchain, request, logFile } = run;
  const { program, args, environment } = toolchain.invocation(request);
  await makeCacheDirectory(dirname(logFile));
  const log = createWriteStream(logFile, { flags: 'w' });
  // A log that cannot be written (a full disk) ends no build: the compiler will say so itself.
  log.on('error', () => undefined);
  const lines: string[] = [];
  const last: string[] = [];
  const progress = new NinjaProgress();
  log.write(`${[program, ...args].join(' ')}\n`);
  let result: StreamResult;
  try {
    result = await streamTool(program, args, {
      directory: request.directory,
      environment,
      signal: context.signal,
      onLine: (raw) => {
        const line = raw.replaceAll(ESCAPES, '');
        log.write(`${line}\n`);
        if (lines.length < KEPT_LINES) lines.push(line);
        else if (last.push(line) >= 2 * KEPT_LINES) last.splice(0, KEPT_LINES);
        const now = progress.read(line);
        if (now !== undefined) context.progress(now);
      },
    });
    if (context.signal.aborted || result.kind === 'killed') await toolchain.stop();
  } finally {
    log.end();
    await finished(log).catch(() => undefined);
  }
  context.throwIfInterrupted();
  if (result.kind === 'exited' && result.code === 0) return;
  throw failure(run, result, [...lines, ...last]);
}

function failure(run: IdfRun, result: StreamResult, lines: readonly string[]): Error {
  const { logFile, request, toolchain } = run;
  const where = { file: logFile };
  if (result.kind === 'missing') {
    return new ToolchainError(
      'TOOL_MISSING',
      `${request.program} of ${toolchain.title} cannot be started`,
      {
        hint: "Run ESP-IDF's install.sh and export.sh; `ota-build doctor` shows what is there.",
      },
    );
  }
  const overflow = findSlotOverflow(lines);
  if (overflow !== undefined) {
    const { size, partition, slot } = overflow;
    return new LayoutError(
      'IMAGE_TOO_BIG',
      `the app has ${hex(size)} bytes, ${hex(size - slot)} more than partition '${partition}' holds (${hex(slot)})`,
      {
        where,
        hint: 'Use a layout with larger slots, or micropython.optimization: size in the profile, or freeze and compile in less.',
      },
    );
  }
  const found = findBuildFailure(lines);
  if (found === undefined) {
    const how =
      result.kind === 'killed'
        ? `was killed by ${result.signal}`
        : `failed with exit code ${result.code}`;
    const last = lines.filter((line) => line.trim() !== '').slice(-5);
    return new CompileError('COMPILE_FAILED', `idf.py ${how}\n${last.join('\n')}`, {
      where,
      hint: `The full log is ${logFile}`,
    });
  }
  const file = found.file === undefined ? undefined : originalOf(run, found.file);
  const place =
    file === undefined ? '' : `${file}${found.line === undefined ? '' : `:${found.line}`}: `;
  return new CompileError('COMPILE_FAILED', `${place}${found.message}`, {
    where: {
      file: file ?? logFile,
      ...(found.line === undefined ? {} : { line: found.line }),
    },
    hint: `The full log is ${logFile}`,
  });
}

/** A file of the throw-away copy is gone when its reader looks for it: the original is what they edit. */
function originalOf({ tree, build, request }: IdfRun, file: string): string {
  const candidates = isAbsolute(file)
    ? [file]
    : [resolve(build, file), resolve(request.directory, file)];
  for (const path of candidates) {
    const inside = relative(tree.copy, path);
    if (inside !== '' && !inside.startsWith('..') && !isAbsolute(inside))
      return join(tree.original, inside);
  }
  return file;
}

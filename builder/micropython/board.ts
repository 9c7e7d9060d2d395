import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ProfileError } from '../errors/families.ts';
import { packageDirectory } from '../files/package-directory.ts';
import { readInput } from '../files/read-input.ts';
import type { ToolResult } from '../process/run-tool.ts';
import { requirePlainPath } from './plain-path.ts';

/** A board of a MicroPython tree, or of a directory of the user's own. */
export type BoardRequest = {
  /** Top of the MicroPython tree. */
  readonly micropython: string;
  readonly board: string;
  /** Directory of a board that is not in the tree (MICROPY_BOARD_DIR). */
  readonly directory: string | undefined;
  readonly variant: string | undefined;
};

/** What the board's own files say. */
export type BoardFacts = {
  /** IDF_TARGET: `esp32c3`. */
  readonly target: string;
  /** Flash size that the board is configured for, `4MB`. */
  readonly flashSize: string;
  /** Path of the manifest of Python files that the board freezes. */
  readonly manifest: string;
};

/** Runs cmake with these arguments in `directory`. */
export type RunCmake = (args: readonly string[], directory: string) => Promise<ToolResult>;

const FILE_LIMIT = 1024 * 1024;

/** Directory of the board's files. */
export function boardDirectory({ micropython, board, directory }: BoardRequest): string {
  return directory ?? join(micropython, 'ports', 'esp32', 'boards', board);
}

/** Names of the boards in a MicroPython tree, sorted. */
export async function listBoards(micropython: string): Promise<readonly string[]> {
  const folder = join(micropython, 'ports', 'esp32', 'boards');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory() && (await isFile(join(folder, entry.name, 'mpconfigboard.cmake'))))
      names.push(entry.name);
  }
  return names.sort();
}

/**
 * Evaluates a board's CMake files. Throws ProfileError for a board or variant that is not there: MicroPython before
 * v1.24 silently built the plain board for a variant that it did not know.
 */
export async function readBoard(request: BoardRequest, runCmake: RunCmake): Promise<BoardFacts> {
  const directory = boardDirectory(request);
  for (const path of [request.micropython, directory, packageDirectory()]) requirePlainPath(path);
  if (!(await isFile(join(directory, 'mpconfigboard.cmake')))) {
    throw new ProfileError(
      'BOARD_UNKNOWN',
      `${request.micropython} has no board '${request.board}': ${directory} has no mpconfigboard.cmake`,
      { where: { file: directory } },
    );
  }
  await requireVariant(request, directory);
  const { micropython, board, variant } = request;
  const temporary = await mkdtemp(join(tmpdir(), 'ota-build-board-'));
  try {
    const facts = join(temporary, 'facts');
    const port = join(micropython, 'ports', 'esp32');
    const { ok, stderr } = await runCmake(
      [
        `-DMICROPY_DIR=${micropython}`,
        `-DMICROPY_BOARD=${board}`,
        ...(request.directory === undefined ? [] : [`-DMICROPY_BOARD_DIR=${request.directory}`]),
        ...(variant === undefined ? [] : [`-DMICROPY_BOARD_VARIANT=${variant}`]),
        `-DFACTS=${facts}`,
        '-P',
        join(packageDirectory(), 'firmware', 'build', 'board-facts.cmake'),
      ],
      port,
    );
    if (!ok) {
      throw new ProfileError(
        'MICROPYTHON_INVALID',
        `the CMake files of board ${board} cannot be evaluated: ${complaint(stderr)}`,
        { where: { file: directory } },
      );
    }
    return await readFacts(facts, port);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function readFacts(path: string, port: string): Promise<BoardFacts> {
  const text = (await readInput(path, "a board's facts", FILE_LIMIT)).toString();
  const value = (name: string): string =>
    new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const absolute = (name: string): string => (isAbsolute(name) ? name : join(port, name));
  const fragments = value('sdkconfig')
    .split(';')
    .filter((name) => name !== '');
  return {
    target: value('target'),
    manifest: absolute(value('manifest')),
    flashSize: await flashSize(fragments.map(absolute)),
  };
}

/**
 * The size that Kconfig ends up with: of a choice the last option set to y wins (ESP-IDF Kconfig, ESPTOOLPY_FLASHSIZE;
 * 2 MB when none is).
 */
async function flashSize(fragments: readonly string[]): Promise<string> {
  let size = '2MB';
  for (const fragment of fragments) {
    const text = await readInput(fragment, 'a part of the sdkconfig', FILE_LIMIT);
    for (const [, name = '', on] of text
      .toString()
      .matchAll(/^CONFIG_ESPTOOLPY_FLASHSIZE_(\d+MB)=(\S*)\s*$/gm)) {
      if (on === 'y') size = name;
    }
  }
  return size;
}

async function requireVariant(
  { board, variant, micropython }: BoardRequest,
  directory: string,
): Promise<void> {
  if (variant === undefined) return;
  const known = await listVariants(directory);
  if (known.includes(variant)) return;
  throw new ProfileError('VARIANT_UNKNOWN', `board ${board} has no variant '${variant}'`, {
    where: { file: directory },
    hint:
      known.length === 0
        ? `${board} has no variants in ${micropython}.`
        : `Its variants: ${known.join(', ')}.`,
  });
}

/** Variants are files since v1.24; before, board.json alone lists them all. */
async function listVariants(directory: string): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const file of await readdir(directory)) {
    const name = /^mpconfigvariant_(\w+)\.cmake$/.exec(file)?.[1];
    if (name !== undefined) names.add(name);
  }
  const json = await readInput(join(directory, 'board.json'), "the board's facts", FILE_LIMIT)
    .then((bytes) => JSON.parse(bytes.toString()) as { variants?: unknown })
    .catch(() => ({ variants: undefined }));
  if (typeof json.variants === 'object' && json.variants !== null) {
    for (const name of Object.keys(json.variants)) names.add(name);
  }
  return [...names].sort();
}

/** What cmake says is wrong, in one line: its message without the way that led there. */
function complaint(stderr: string): string {
  const [said = ''] = stderr.split(/^Call Stack/m);
  return said.replace(/\s+/g, ' ').trim().slice(0, 500) || 'cmake gave no reason';
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

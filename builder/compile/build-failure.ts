/** The first thing that went wrong in a build: where, and what the tool said. */
export type BuildFailure = {
  readonly message: string;
  /** As the tool named it. */
  readonly file?: string;
  readonly line?: number;
};

/** The app is larger than its smallest slot; sizes in bytes. */
export type SlotOverflow = {
  readonly kind: 'overflow';
  readonly size: number;
  readonly partition: string;
  readonly slot: number;
};

/** More would bury the error that matters. */
const LONGEST_MESSAGE = 600;

/**
 * Finds the first real error in the output of idf.py: of the compiler, the linker, CMake, Kconfig, the component manager or
 * a Python script; what follows it is mostly noise. Undefined when nothing looks like one.
 */
export function findBuildFailure(lines: readonly string[]): BuildFailure | undefined {
  let later: BuildFailure | undefined;
  for (const [index, line] of lines.entries()) {
    const found = compilerError(line) ?? cmakeError(line, lines, index) ?? linkerError(line);
    if (found !== undefined) return found;
    later ??= scriptError(line, lines, index);
  }
  return later;
}

/** GCC: `file:line:column: error: message`. */
function compilerError(line: string): BuildFailure | undefined {
  const match = /^(.+?):(\d+)(?::\d+)?: (?:fatal )?error: (.+)$/.exec(line);
  if (match === null) return undefined;
  const [, file = '', at = '', message = ''] = match;
  return { file, line: Number(at), message: cut(message) };
}

/** CMake: `CMake Error at file:line (command):`, then an empty line or not, then the indented message. */
function cmakeError(
  line: string,
  lines: readonly string[],
  index: number,
): BuildFailure | undefined {
  const match = /^CMake Error(?: at (.+?):(\d+)(?: \(.*\))?)?:?\s*(.*)$/.exec(line);
  if (match === null) return undefined;
  const [, file, at, rest = ''] = match;
  const message = [rest];
  for (const next of lines.slice(index + 1, index + 30)) {
    const isMessage = next.trim() === '' || /^\s/.test(next);
    if (!isMessage || /^\s*Call Stack/.test(next)) break;
    message.push(next.trim());
  }
  const text = cut(message.filter((part) => part !== '').join(' '));
  if (file === undefined) return { message: text };
  return { file, line: Number(at), message: text };
}

/** GNU ld: undefined references, regions that are full, files that are missing. */
function linkerError(line: string): BuildFailure | undefined {
  const match =
    /(?:^|[\\/ ])(?:\S*ld(?:\.bfd|\.exe)?: )?(?:(\S+?):(\d+): |\S+\):[^:]*: )?(undefined reference to .+|multiple definition of .+|region `\S+' overflowed by \d+ bytes|cannot find -l\S+.*)$/.exec(
      line,
    );
  if (match === null) return undefined;
  const [, file, at, message = ''] = match;
  if (file === undefined) return { message: cut(message) };
  return { file, line: Number(at), message: cut(message) };
}

/** What scripts say: Python's last line of a traceback, `error:` without a place, ninja's own complaint. */
function scriptError(
  line: string,
  lines: readonly string[],
  index: number,
): BuildFailure | undefined {
  if (line.startsWith('Traceback (most recent call last)')) {
    const last = lines
      .slice(index + 1)
      .find((each) => /^\w[\w.]*(Error|Exception|Exit)\b/.test(each));
    return last === undefined ? undefined : { message: cut(last) };
  }
  const match = /^(?:ninja: )?(?:error|fatal|ERROR): (.+)$/i.exec(line);
  return match === null ? undefined : { message: cut(match[1] ?? '') };
}

/**
 * ESP-IDF's check_sizes.py found that the app does not fit (`app partition is too small for binary … size 0x…`, and a
 * line for each slot). Undefined when it did not say so.
 */
export function findSlotOverflow(lines: readonly string[]): SlotOverflow | undefined {
  const at = lines.findIndex((line) =>
    /app partitions? (?:is|are) too small for binary/i.test(line),
  );
  if (at < 0) return undefined;
  const text = lines.slice(at, at + 10).join('\n');
  const size = /size (0x[0-9a-f]+)/i.exec(text)?.[1];
  const part = /Part '([^']+)'.*?size (0x[0-9a-f]+)/i.exec(text);
  if (size === undefined || part === null) return undefined;
  return {
    kind: 'overflow',
    size: Number(size),
    partition: part[1] ?? '',
    slot: Number(part[2]),
  };
}

function cut(message: string): string {
  const text = message.trim();
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}

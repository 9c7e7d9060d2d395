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

/** GCC: `file:line:column: error: message`, or `gcc: fatal error: message` of the driver itself. */
function compilerError(line: string): BuildFailure | undefined {
  if (!line.includes('error: ')) return undefined;
  const match = /^(.+?):(\d+)(?::\d+)?: (?:fatal )?error: (.+)$/.exec(line);
  if (match !== null) {
    const [, file = '', at = '', message = ''] = match;
    return { file, line: Number(at), message: cut(message) };
  }
  const driver = /^(\S*(?:gcc|g\+\+|cc1|cc1plus|clang)): (?:fatal )?error: (.+)$/.exec(line);
  return driver === null ? undefined : { message: cut(`${driver[1] ?? ''}: ${driver[2] ?? ''}`) };
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

const LINKER_COMPLAINTS = [
  'undefined reference to ',
  'multiple definition of ',
  'cannot find -l',
  'cannot open linker script file ',
];

/** GNU ld: undefined references, regions that are full, files that are missing. */
function linkerError(line: string): BuildFailure | undefined {
  const region = /region `[^']{1,100}' overflowed by \d+ bytes/.exec(line)?.index;
  const places = [...LINKER_COMPLAINTS.map((text) => line.indexOf(text)), region ?? -1];
  const at = Math.min(...places.filter((place) => place >= 0));
  if (!Number.isFinite(at)) return undefined;
  const message = cut(line.slice(at));
  const place = /(?:^|\s)([^\s:]+):(\d+): $/.exec(line.slice(Math.max(0, at - 1024), at));
  if (place === null) return { message };
  return { file: place[1] ?? '', line: Number(place[2]), message };
}

/**
 * What scripts say: Python's last line of a traceback (a syntax error with the place that it is about), `error:` without a
 * place, ninja's and esptool's own complaints.
 */
function scriptError(
  line: string,
  lines: readonly string[],
  index: number,
): BuildFailure | undefined {
  if (line.startsWith('Traceback (most recent call last)')) return traceback(lines, index + 1);
  const match =
    /^(?:ninja: |make(?:\[\d+\])?: \*\*\* )?(?:error|fatal|fatal error|A fatal error occurred): (.+)$/i.exec(
      line,
    ) ?? /^(freeze error executing .+|mpy-cross not found at .+)$/.exec(line);
  return match === null ? undefined : { message: cut(match[1] ?? '') };
}

const TRACEBACK_LINES = 200;

function traceback(lines: readonly string[], from: number): BuildFailure | undefined {
  let place: { readonly file: string; readonly line: number } | undefined;
  for (const line of lines.slice(from, from + TRACEBACK_LINES)) {
    const at = /^\s*File "([^"]+)", line (\d+)/.exec(line);
    if (at !== null) place = { file: at[1] ?? '', line: Number(at[2]) };
    if (!/^\w[\w.]*(Error|Exception|Exit)\b/.test(line)) continue;
    const isSource = /^(Syntax|Indentation|Tab)Error\b/.test(line);
    return { message: cut(line), ...(isSource ? place : undefined) };
  }
  return undefined;
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

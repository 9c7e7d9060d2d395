import type { OutputStream } from '../process-edge.ts';

/** `::name key=value,…::message`, whatever is in the values (GitHub, "Workflow commands for GitHub Actions"; its toolkit's escapes). */
export function workflowCommand(
  name: string,
  properties: Readonly<Record<string, string | number | undefined>>,
  message: string,
): string {
  const listed = Object.entries(properties).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${escapeProperty(String(value))}`],
  );
  const head = listed.length === 0 ? name : `${name} ${listed.join(',')}`;
  return `::${head}::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text
    .replaceAll('%', '%25')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A')
    .replaceAll('##[', '##\\[');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/**
 * A stream on which nothing that is written is a workflow command, wherever the text comes from: a runner takes a line that
 * begins with `::`, behind any blanks, and `##[` anywhere. A backslash goes in between.
 */
export function withoutCommands(stream: OutputStream): OutputStream {
  /** The end of what was written since the last line end: what the next piece may join. */
  let before = '';
  return {
    ...(stream.isTTY === undefined ? {} : { isTTY: stream.isTTY }),
    ...(stream.columns === undefined ? {} : { columns: stream.columns }),
    write: (text) => {
      let out = '';
      for (const character of text) {
        const isCommand =
          (character === ':' && /^\s*:$/.test(before)) ||
          (character === '[' && before.endsWith('##'));
        out += isCommand ? `\\${character}` : character;
        before = /[\r\n]/.test(character) ? '' : isCommand ? 'x' : shortened(before + character);
      }
      return stream.write(out);
    },
  };
}

/** All that decides: whether there is anything but blanks and a colon, and whether the last two characters are `##`. */
function shortened(line: string): string {
  const isOpen = /^\s*:?$/.test(line);
  return isOpen ? line.trimStart() : `x${line.slice(-2)}`;
}

/** JSON with the same meaning in which no runner finds a command. */
export function jsonWithoutCommands(json: string): string {
  return json.replaceAll('##[', '##\\u005b');
}

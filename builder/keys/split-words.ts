import { SigningError } from '../errors/families.ts';

const SHELL_OPERATORS = new Set(['|', '||', '&', '&&', ';', '<', '>', '>>', '2>', '2>&1']);

/**
 * The words of a command as a shell would split them, and nothing else of a shell: blanks separate, '…' and "…" keep
 * blanks, a backslash takes the next character as it is (inside "…" only before " and \). No variable, wildcard or
 * substitution is expanded. Throws SigningError (KEY_REFERENCE) for a quote that does not end, and for a shell's
 * operators, which would otherwise silently become arguments.
 */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  let rest = text.trimStart();
  while (rest !== '') {
    const { word, length, quoted } = nextWord(rest);
    if (!quoted && SHELL_OPERATORS.has(word)) {
      throw new SigningError(
        'KEY_REFERENCE',
        `the command of a key reference contains ${word}, but it is run without a shell`,
        { hint: 'Put the pipeline into a script and name the script.' },
      );
    }
    words.push(word);
    rest = rest.slice(length).trimStart();
  }
  return words;
}

function nextWord(text: string): {
  readonly word: string;
  readonly length: number;
  readonly quoted: boolean;
} {
  let word = '';
  let at = 0;
  let quoted = false;
  while (at < text.length && !/\s/.test(text.charAt(at))) {
    const character = text.charAt(at);
    if (character === "'" || character === '"') {
      quoted = true;
      const piece = quotedPiece(text.slice(at), character);
      word += piece.text;
      at += piece.length;
    } else if (character === '\\') {
      quoted = true;
      word += text.charAt(at + 1);
      at += 2;
    } else {
      word += character;
      at += 1;
    }
  }
  return { word, length: at, quoted };
}

function quotedPiece(
  text: string,
  quote: string,
): { readonly text: string; readonly length: number } {
  const pattern = quote === "'" ? /^'([^']*)'/ : /^"((?:[^"\\]|\\[\s\S])*)"/;
  const match = pattern.exec(text);
  if (match === null) {
    throw new SigningError(
      'KEY_REFERENCE',
      `the command of a key reference has a ${quote} that does not end`,
    );
  }
  const [all, inside = ''] = match;
  return { text: quote === "'" ? inside : inside.replace(/\\(["\\])/g, '$1'), length: all.length };
}

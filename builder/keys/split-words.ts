import { SigningError } from '../errors/families.ts';

/** What of a word, outside of quotes, a shell would act on: a pipe or redirection anywhere, `&` and `;` at either end. */
const SHELL_OPERATOR = /[|<>]|^[&;]|[&;]$/;

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
    const { word, length, bare } = nextWord(rest);
    const [operator] = SHELL_OPERATOR.exec(bare) ?? [];
    if (operator !== undefined) {
      throw new SigningError(
        'KEY_REFERENCE',
        `the command of a key reference contains ${operator}, but it is run without a shell`,
        {
          hint: 'Put the pipeline into a script and name the script, or quote what is an argument.',
        },
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
  /** The word with what was quoted as blanks. */
  readonly bare: string;
} {
  let word = '';
  let bare = '';
  let at = 0;
  while (at < text.length && !/\s/.test(text.charAt(at))) {
    const character = text.charAt(at);
    if (character === "'" || character === '"') {
      const piece = quotedPiece(text.slice(at), character);
      word += piece.text;
      bare += ' ';
      at += piece.length;
    } else if (character === '\\') {
      word += text.charAt(at + 1);
      bare += ' ';
      at += 2;
    } else {
      word += character;
      bare += character;
      at += 1;
    }
  }
  return { word, length: at, bare };
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

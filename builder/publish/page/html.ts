/** Markup that is safe to put into a page as it is: what `html` made. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What can stand in a template. Text is escaped; lists are joined; undefined leaves nothing. */
export type Content = Html | string | number | undefined | readonly Content[];

/**
 * A template of HTML in which every value is escaped for element content and quoted attributes, but for other results of
 * `html`. Not for script, style, or URLs whose scheme a value could choose.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  const text = parts.map((part, index) => part + render(values[index])).join('');
  return new Html(text);
}

function render(value: Content): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'string') return escape(value);
  if (typeof value === 'number') return String(value);
  return value.map(render).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that reorder or hide what stands around them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}]/gu;

function escape(text: string): string {
  return text
    .replace(INVISIBLE, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A relative address of these path segments: none of them can leave the page's own folder tree or name a scheme. */
export function address(...segments: readonly string[]): string {
  return `./${segments.map(encodeURIComponent).join('/')}`;
}

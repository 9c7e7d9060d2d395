import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import type { ErrorOptions } from '../errors/ota-build-error.ts';
import { checkSchema, type SchemaIssue, type z } from './schema.ts';

const DEEPEST = 64;

/** Makes the error of the family that the file belongs to (a profile, a trust file). */
export type MakeError = (message: string, options: ErrorOptions) => Error;

/**
 * Parses YAML 1.2 text and checks it against a schema. Every error names `file`, line, column and what was expected;
 * duplicate keys, aliases and anything that is not plain data are refused. Throws what `makeError` returns.
 */
export function parseYamlFile<T>(
  file: string,
  text: string,
  schema: z.ZodType<T>,
  makeError: MakeError,
): T {
  refuseDepth(file, text, makeError);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    strict: true,
    uniqueKeys: true,
    prettyErrors: false,
  });
  const syntax = document.errors[0] ?? document.warnings[0];
  if (syntax !== undefined) {
    const { line, col } = lines.linePos(syntax.pos[0]);
    throw makeError(`${file}:${line}:${col}: ${syntax.message}`, {
      where: { file, line, column: col },
    });
  }
  refuseAliases(file, document, lines, makeError);
  const result = checkSchema(schema, document.toJS({ maxAliasCount: 0 }));
  if (result.ok) return result.value;
  const problems = result.issues.map((issue) => ({ issue, ...placeOf(document, issue, lines) }));
  const [first] = problems;
  throw makeError(
    problems
      .map(
        ({ issue, line, column }) =>
          `${file}:${line}:${column}: ${[...issue.path].join('.') || 'the file'}: ${issue.message}`,
      )
      .join('\n'),
    {
      where: { file, line: first?.line ?? 1, column: first?.column ?? 1 },
      details: {
        problems: problems.map(({ issue, line, column }) => ({
          ...{ file, line, column },
          message: `${[...issue.path].join('.') || 'the file'}: ${issue.message}`,
        })),
      },
    },
  );
}

/** A change of a YAML text: a value in its place, or one more at the end of a list. Lists of plain values are kept on a line. */
export type YamlChange = {
  readonly kind: 'set' | 'append';
  readonly path: readonly (string | number)[];
  readonly value: unknown;
};

/** A valid YAML text with some changes: what they do not touch stays, with its comments and its order. */
export function changeYaml(text: string, changes: readonly YamlChange[]): string {
  const document = parseDocument(text);
  for (const { kind, path, value } of changes) {
    const node = nodeOf(document, value);
    if (kind === 'append') document.addIn(path, node);
    else document.setIn(path, node);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** A plain value stays one: set as it is, it keeps the comment of the one before. */
function nodeOf(document: Document, value: unknown): unknown {
  if (typeof value !== 'object') return value;
  const node = document.createNode(value, { aliasDuplicateObjects: false });
  visit(node, (_, each) => {
    if (isSeq(each)) each.flow = each.items.every(isScalar);
  });
  return node;
}

/** Where in a YAML file the value of a key is, or the nearest one around it that is there. */
export function placeInYaml(
  file: string,
  text: string,
  path: readonly (string | number)[],
): { readonly file: string; readonly line: number; readonly column: number } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  return { file, ...placeOf(document, { path, message: '' }, lines) };
}

/** The parser goes down a level of its own stack for each level of a file, or worse: what is too deep never reaches it. */
function refuseDepth(file: string, text: string, makeError: MakeError): void {
  let brackets = 0;
  for (const [index, content] of text.split('\n').entries()) {
    // Indentation, and the dashes of lists in lists.
    let column = /^[\s?-]*/.exec(content)?.[0].length ?? 0;
    let isDeep = column > 2 * DEEPEST;
    for (; column < content.length && !isDeep; column++) {
      const character = content.charAt(column);
      if ('[{'.includes(character)) brackets++;
      if (']}'.includes(character)) brackets = Math.max(0, brackets - 1);
      isDeep = brackets > DEEPEST;
    }
    if (!isDeep) continue;
    const [line, col] = [index + 1, column];
    const message = `${file}:${line}:${col}: nested too deeply: more than ${DEEPEST} levels, which no file of ours has`;
    throw makeError(message, { where: { file, line, column: col } });
  }
}

/** An alias can make a small file expand without bound; no file of ours needs one. */
function refuseAliases(
  file: string,
  document: Document,
  lines: LineCounter,
  makeError: MakeError,
): void {
  visit(document, (_, node) => {
    if (!isAlias(node)) return;
    const { line, col } = lines.linePos(node.range?.[0] ?? 0);
    throw makeError(`${file}:${line}:${col}: aliases are not supported here; write the value out`, {
      where: { file, line, column: col },
    });
  });
}

function placeOf(
  document: Document,
  issue: SchemaIssue,
  lines: LineCounter,
): { line: number; column: number } {
  const isUnknownKey = issue.message === 'unknown key';
  for (let depth = issue.path.length; depth >= 0; depth--) {
    const path = issue.path.slice(0, depth);
    const offset =
      isUnknownKey && depth > 0 ? keyOffset(document, path) : valueOffset(document, path);
    if (offset !== undefined) {
      const { line, col } = lines.linePos(offset);
      return { line, column: col };
    }
  }
  return { line: 1, column: 1 };
}

function valueOffset(document: Document, path: readonly (string | number)[]): number | undefined {
  const node =
    path.length === 0 ? document.contents : (document.getIn(path, true) as Node | undefined);
  return node?.range?.[0];
}

function keyOffset(document: Document, path: readonly (string | number)[]): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }: Pair) => isScalar(key) && key.value === path.at(-1));
  return (pair?.key as Node | undefined)?.range?.[0];
}

import { z } from 'zod';

export { z };

const LONGEST_QUOTE = 60;

/** One thing that a value got wrong: the keys that lead to it, and a sentence. */
export type SchemaIssue = { readonly path: readonly (string | number)[]; readonly message: string };

export type SchemaResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly SchemaIssue[] };

/** Checks a value against a schema and says everything that is wrong with it, not only the first thing. */
export function checkSchema<T>(schema: z.ZodType<T>, value: unknown): SchemaResult<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.flatMap(describeIssue) };
}

function describeIssue(issue: z.core.$ZodIssue): SchemaIssue[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown key' }));
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) {
    return [{ path, message: `missing; expected ${issue.expected}` }];
  }
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  return [{ path, message: `${message}${received(issue.input)}` }];
}

/** Quotes a short value. What is longer is most likely another file altogether, and may be a private key. */
function received(input: unknown): string {
  if (input === undefined || typeof input === 'object') return '';
  const text = JSON.stringify(input);
  return text.length > LONGEST_QUOTE ? `; got ${text.length} characters` : `; got ${text}`;
}

/** An integer of 0 or more that a YAML or JSON author may write as a number or in hex (`0x8000`). */
export function byteCount(): z.ZodType<number> {
  return z.number('expected a number of bytes, such as 0x8000').int().nonnegative().max(0xffffffff);
}

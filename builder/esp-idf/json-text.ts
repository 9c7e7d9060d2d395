import { FormatError } from '../errors/families.ts';
import { checkSchema, type z } from '../schema/schema.ts';

/**
 * The value of a JSON file that has to follow `schema`. Throws FormatError, which names `file`, for bytes that are not
 * UTF-8, text that is not JSON and values that are not what was expected; the first problem is told, and how many more.
 */
export function parseJsonFile<T>(bytes: Buffer, schema: z.ZodType<T>, file: string): T {
  const where = { file };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError('BAD_VALUE', `${file} is not JSON: ${(cause as Error).message}`, {
      where,
      cause,
      hint: 'Was the build interrupted? Run idf.py build again.',
    });
  }
  const result = checkSchema(schema, json);
  if (result.ok) return result.value;
  const [first, ...more] = result.issues;
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  const key = first?.path.join('.') ?? '';
  throw new FormatError(
    'BAD_VALUE',
    `${file}: ${key === '' ? '' : `${key}: `}${first?.message ?? 'not what was expected'}${others}`,
    { where },
  );
}

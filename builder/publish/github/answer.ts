import { PublishError } from '../../errors/families.ts';
import { checkSchema, z } from '../../schema/schema.ts';

/** GitHub shows 10 000 entries of a list at most, and there are 30 or more on a page. */
const MOST_PAGES = 400;
const page = z.array(z.unknown()).max(100);

/** What GitHub answered, as far as it is used. Throws Error for an answer that is something else. */
export function answerOf<T>(schema: z.ZodType<T>, data: unknown): T {
  const result = checkSchema(schema, data);
  if (result.ok) return result.value;
  const [first] = result.issues;
  const where = first === undefined || first.path.length === 0 ? '' : `${first.path.join('.')}: `;
  throw new Error(`the answer is not GitHub's: ${where}${first?.message ?? ''}`);
}

/** The entries of a list, page by page. Throws Error for what is no list, PublishError (TARGET_INVALID) for one that has no end. */
export async function* entriesOf(pages: AsyncIterable<{ readonly data: unknown }>): AsyncGenerator {
  let count = 0;
  for await (const { data } of pages) {
    if (++count > MOST_PAGES)
      throw new PublishError(
        'TARGET_INVALID',
        `a list that GitHub gave has more than ${MOST_PAGES} pages`,
      );
    yield* answerOf(page, data);
  }
}

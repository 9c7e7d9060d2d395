import { join } from 'node:path';
import { expect, test } from 'vitest';
import { releaseIndexJsonSchema } from '../../../builder/release-index/release-index.ts';

const PUBLISHED = join(
  import.meta.dirname,
  '../../../builder/release-index/release-index.schema.json',
);

test('the JSON Schema of an index is the one that is published', async () => {
  await expect(`${JSON.stringify(releaseIndexJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(
    PUBLISHED,
  );
});

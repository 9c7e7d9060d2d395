import { join } from 'node:path';
import { expect, it } from 'vitest';
import { trustFileJsonSchema } from '../../../builder/schema/trust-file.ts';

const PUBLISHED = join(import.meta.dirname, '../../../builder/schema/trust.schema.json');

it('publishes the JSON Schema that a trust.yaml is checked against (vitest -u writes it)', async () => {
  await expect(`${JSON.stringify(trustFileJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(
    PUBLISHED,
  );
});

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { manifestJsonSchema } from '../../../builder/manifest/manifest.ts';

const PUBLISHED = join(import.meta.dirname, '../../../builder/manifest/manifest.schema.json');

it('publishes the JSON Schema that the manifest is checked against (vitest -u writes it)', async () => {
  await expect(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(PUBLISHED);
});

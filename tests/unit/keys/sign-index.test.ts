import { expect, test } from 'vitest';
import { pemSigner } from '../../../builder/keys/pem-signer.ts';
import { signIndex } from '../../../builder/keys/sign-index.ts';
import type { Signer } from '../../../builder/keys/signer.ts';
import { privatePem } from '../../support/pem.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';

const own = pemSigner(privatePem(aPrivateKey('ecdsa256')), 'key', { development: false });

test('a signer is asked for one index after the other, also after it failed', async () => {
  const steps: string[] = [];
  const slow: Signer = {
    ...own,
    sign: async (contents) => {
      const name = Buffer.from(contents).toString();
      steps.push(`begins ${name}`);
      await new Promise((resolve) => setImmediate(resolve));
      steps.push(`ends ${name}`);
      if (name === 'bad') throw new Error('no');
      return own.sign(contents);
    },
  };
  const signed = await Promise.allSettled(
    ['one', 'bad', 'two'].map((name) => signIndex(Buffer.from(name), [slow])),
  );
  expect(signed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(steps).toEqual(
    ['one', 'bad', 'two'].flatMap((name) => [`begins ${name}`, `ends ${name}`]),
  );
});

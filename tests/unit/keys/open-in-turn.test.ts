import { expect, test } from 'vitest';
import { openInTurn } from '../../../builder/keys/open-in-turn.ts';
import { pemSigner } from '../../../builder/keys/pem-signer.ts';
import type { Signer } from '../../../builder/keys/signer.ts';
import { pem } from '../../support/key-files.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';

const TEXT = pem.pkcs8(aPrivateKey('ecdsa256'));
const signerOf = (reference: string): Signer =>
  pemSigner(TEXT, reference, { development: reference === 'dev' });

test('a development key is opened after all others, and keeps its place', async () => {
  const asked: string[] = [];
  const signers = await openInTurn(['first.pem', 'dev', 'env:LAST'], (reference, opened) => {
    asked.push(`${reference} after ${opened.map((signer) => signer.reference).join(' ')}`);
    return Promise.resolve(signerOf(reference));
  });
  expect(asked).toEqual([
    'first.pem after ',
    'env:LAST after first.pem',
    'dev after first.pem env:LAST',
  ]);
  expect(signers.map(({ reference }) => reference)).toEqual(['first.pem', 'dev', 'env:LAST']);
});

import { constants, createHash, createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import forge from 'node-forge';
import { pemSigner } from '../builder/keys/pem-signer.ts';
import { makeBlock } from '../builder/sign/make-block.ts';
import { compare, timed } from './measure.ts';

const IMAGES = 50;

/**
 * Signs 50 images (`app.bin` of the directory `work`, each with other bytes at its end) with one RSA-3072 key, `key.pem`: our
 * signature block, with the check of each signature that belongs to it, beside the bare signature by OpenSSL in the same
 * process, and beside one by node-forge, which is what signing without native code costs.
 */
export async function compareSigners(work: string): Promise<void> {
  const pem = readFileSync(join(work, 'key.pem'), 'utf8');
  const app = readFileSync(join(work, 'app.bin'));
  const signer = pemSigner(pem, 'key.pem', { development: false });
  const key = createPrivateKey(pem);
  const bare = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const forgeKey = forge.pki.privateKeyFromPem(pem);
  const [ours, native, slow]: [number[], number[], number[]] = [[], [], []];
  for (let image = 0; image < IMAGES; image++) {
    app.writeUInt32LE(image, app.length - 4);
    ours.push(await timed(() => makeBlock(app, signer)));
    native.push(await timed(() => sign('sha256', app, bare)));
    const digest = createHash('sha256').update(app).digest();
    slow.push(await timed(() => signWithForge(digest, forgeKey)));
  }
  const name = `RSA-3072, ${IMAGES} images with one key, each`;
  compare(
    { name, times: ours },
    { name: "OpenSSL's bare signature", times: native },
    'at most 5: it is hashed for its block and verified by a second implementation',
  );
  compare({ name, times: ours }, { name: 'a signature by node-forge', times: slow }, 'under 0.2');
}

/** A signature over 32 bytes: what JavaScript takes to hash an app is left out. */
function signWithForge(digest: Buffer, key: forge.pki.rsa.PrivateKey): string {
  const hashed = forge.md.sha256.create().update(digest.toString('latin1'));
  const mgf: unknown = forge.mgf.mgf1.create(forge.md.sha256.create());
  const pss: unknown = forge.pss.create({ md: forge.md.sha256.create(), mgf, saltLength: 32 });
  return key.sign(hashed, pss);
}

/** Signs one file 50 times with each of two programs, a process each. */
export async function compareSigningPrograms(
  programs: { readonly ours: () => void; readonly theirs: () => void } | undefined,
): Promise<void> {
  if (programs === undefined) {
    console.log('ota-build sign beside espsecure: not measured, there is no espsecure');
    return;
  }
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let image = 0; image < IMAGES; image++) {
    ours.push(await timed(programs.ours));
    theirs.push(await timed(programs.theirs));
  }
  compare(
    { name: `ota-build sign, ${IMAGES} images with one key, each`, times: ours },
    { name: 'espsecure sign-data', times: theirs },
    'under 1',
  );
}

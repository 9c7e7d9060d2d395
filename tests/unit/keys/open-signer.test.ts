import { chmod, copyFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SigningError } from '../../../builder/errors/families.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import type { SignatureScheme } from '../../../builder/format/signature-scheme.ts';
import { openSigner } from '../../../builder/keys/open-signer.ts';
import type { Signer } from '../../../builder/keys/signer.ts';
import { pem, secretsOf } from '../../support/key-files.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy, visibleText } from '../../support/thrown.ts';

const P256 = aPrivateKey('ecdsa256');
const TEXT = pem.pkcs8(P256);

type Told = { readonly notes: string[]; readonly warnings: string[] };

/** Opens a key of a project; `told` collects what the user gets to read. */
function open(
  reference: string,
  projectDirectory: string,
  environment: Readonly<Record<string, string>> = {},
  told: Told & { readonly scheme?: SignatureScheme } = { notes: [], warnings: [] },
): Promise<Signer> {
  return openSigner(reference, {
    projectDirectory,
    environment,
    scheme: told.scheme ?? 'ecdsa256',
    note: (message) => void told.notes.push(message),
    warn: (code, message) => void told.warnings.push(`${code} ${message}`),
  });
}

/** A project with a private key in release.pem that only its owner may read. */
async function projectWithKey(text = TEXT): Promise<string> {
  const root = await tempProject({ 'keys/release.pem': text });
  await chmod(join(root, 'keys/release.pem'), 0o600);
  return root;
}

describe('a key is opened from', () => {
  test.each([
    ['a path in the project', () => 'keys/release.pem'],
    ['file: and a path in the project', () => 'file:keys/release.pem'],
    ['an absolute path', (root: string) => join(root, 'keys/release.pem')],
  ])('%s', async (_, reference) => {
    const root = await projectWithKey();
    const told: Told = { notes: [], warnings: [] };
    const signer = await open(reference(root), root, {}, told);
    expect(signer).toMatchObject({
      reference: reference(root),
      scheme: 'ecdsa256',
      development: false,
    });
    expect(signer.digest.equals(keyDigestOfPublicKey(P256))).toBe(true);
    expect(signer.publicKey.type).toBe('public');
    expect(told).toEqual({ notes: [], warnings: [] });
  });

  test('an environment variable', async () => {
    const signer = await open('env:RELEASE_KEY', await tempProject(), { RELEASE_KEY: TEXT });
    expect(signer).toMatchObject({ reference: 'env:RELEASE_KEY', development: false });
    expect(signer.digest.equals(keyDigestOfPublicKey(P256))).toBe(true);
  });
});

describe('a key file', () => {
  test.each([0o644, 0o640, 0o604, 0o660])('that others can read is warned of: %d', async (mode) => {
    const root = await projectWithKey();
    await chmod(join(root, 'keys/release.pem'), mode);
    const told: Told = { notes: [], warnings: [] };
    await open('keys/release.pem', root, {}, told);
    expect(told.warnings).toEqual([
      `KEY_PERMISSIONS keys/release.pem can be read by others (mode ${mode.toString(8)}): chmod 600 keys/release.pem`,
    ]);
  });

  test('that is read-only for its owner is fine', async () => {
    const root = await projectWithKey();
    await chmod(join(root, 'keys/release.pem'), 0o400);
    const told: Told = { notes: [], warnings: [] };
    await open('keys/release.pem', root, {}, told);
    expect(told.warnings).toEqual([]);
  });
});

describe('a key is refused', () => {
  const refused = async (reference: string, environment: Readonly<Record<string, string>> = {}) => {
    const root = await projectWithKey('-----BEGIN nonsense');
    return thrownBy(SigningError, () => open(reference, root, environment));
  };

  test('where the file is missing', async () => {
    const error = await refused('keys/none.pem');
    expect(error.code).toBe('KEY_MISSING');
    expect(error.exit).toBe(8);
    expect(error.message).toContain('does not exist');
    expect(error.hint).toContain('ota-build keys generate');
  });

  test('where it is a directory', async () => {
    expect((await refused('keys')).code).toBe('KEY_UNREADABLE');
  });

  test('where it is too large to be one', async () => {
    const root = await tempProject({ 'key.pem': Buffer.alloc(64 * 1024 + 1) });
    const error = await thrownBy(SigningError, () => open('key.pem', root));
    expect(error.code).toBe('KEY_UNREADABLE');
  });

  test('where it holds no key', async () => {
    expect((await refused('keys/release.pem')).code).toBe('KEY_UNREADABLE');
  });

  test.each([
    ['is not set', {}],
    ['is empty', { RELEASE_KEY: '' }],
    ['is blank', { RELEASE_KEY: ' \n' }],
  ])('where the environment variable %s', async (_, environment) => {
    const error = await refused('env:RELEASE_KEY', environment);
    expect(error.code).toBe('KEY_MISSING');
    expect(error.message).toContain('RELEASE_KEY is not set');
  });

  test('where the environment variable holds something else, and that is not shown', async () => {
    const damaged = TEXT.replace(/^M.{20}/m, 'MAAA');
    const error = await refused('env:RELEASE_KEY', { RELEASE_KEY: damaged });
    expect(error.code).toBe('KEY_UNREADABLE');
    expect(error.message).toContain('env:RELEASE_KEY');
    for (const secret of secretsOf(TEXT)) expect(visibleText(error)).not.toContain(secret);
  });

  test.each(['pkcs11:token=a', 'command:sign', 'https://example.com/key'])(
    'where nobody can open the reference %s',
    async (reference) => {
      const error = await refused(reference);
      expect(error.code).toBe('KEY_REFERENCE');
      expect(error.message).toContain(reference.slice(0, reference.indexOf(':') + 1));
    },
  );
});

describe('the development key', () => {
  test('is made on demand, for its owner only, and git does not see it', async () => {
    const root = await tempProject();
    const told: Told = { notes: [], warnings: [] };
    const signer = await open('dev', root, {}, told);
    expect(signer).toMatchObject({ reference: 'dev', scheme: 'ecdsa256', development: true });
    expect(told.notes).toHaveLength(1);
    expect(told.notes[0]).toContain('made a development key, keys/dev/ecdsa256.pem');
    const folder = join(root, 'keys/dev');
    expect((await readdir(folder)).sort()).toEqual(['.gitignore', 'ecdsa256.pem']);
    expect((await stat(join(folder, 'ecdsa256.pem'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(folder, '.gitignore'), 'utf8')).toBe('*\n');
  });

  test('is the same one from then on, and nothing is said any more', async () => {
    const root = await tempProject();
    const first = await open('dev', root);
    const told: Told = { notes: [], warnings: [] };
    const second = await open('dev', root, {}, told);
    expect(second.digest.equals(first.digest)).toBe(true);
    expect(told).toEqual({ notes: [], warnings: [] });
  });

  test('is one when two runs need it at once', async () => {
    const root = await tempProject();
    const signers = await Promise.all([open('dev', root), open('dev', root), open('dev', root)]);
    expect(new Set(signers.map(({ digest }) => digest.toString('hex'))).size).toBe(1);
    expect((await readdir(join(root, 'keys/dev'))).sort()).toEqual(['.gitignore', 'ecdsa256.pem']);
  });

  test('is another one for another scheme', async () => {
    const root = await tempProject();
    const [first, second] = [
      await open('dev', root),
      await open('dev', root, {}, { notes: [], warnings: [], scheme: 'ecdsa384' }),
    ];
    expect(second.scheme).toBe('ecdsa384');
    expect(second.digest.equals(first.digest)).toBe(false);
  });

  test('stays one when its file is named, copied elsewhere or put into a variable', async () => {
    const root = await tempProject();
    await open('dev', root);
    const path = join(root, 'keys/dev/ecdsa256.pem');
    await copyFile(path, join(root, 'release.pem'));
    const variables = { KEY: await readFile(path, 'utf8') };
    for (const reference of ['keys/dev/ecdsa256.pem', 'release.pem', 'env:KEY'])
      expect(await open(reference, root, variables)).toMatchObject({
        reference,
        development: true,
      });
  });

  test('is one for whatever key lies in its folder', async () => {
    const root = await tempProject({ 'keys/dev/ecdsa256.pem': TEXT });
    expect(await open('keys/dev/ecdsa256.pem', root)).toMatchObject({ development: true });
    expect(await open('dev', root)).toMatchObject({ development: true });
  });

  test('is refused, and kept, when its file is damaged', async () => {
    const root = await tempProject({ 'keys/dev/ecdsa256.pem': 'damaged' });
    const error = await thrownBy(SigningError, () => open('dev', root));
    expect(error.code).toBe('KEY_UNREADABLE');
    expect(await readFile(join(root, 'keys/dev/ecdsa256.pem'), 'utf8')).toBe('damaged');
  });

  test('is ignored by git whatever the .gitignore in its folder said before', async () => {
    const root = await tempProject({ 'keys/dev/.gitignore': '!*.pem\n' });
    await open('dev', root);
    expect(await readFile(join(root, 'keys/dev/.gitignore'), 'utf8')).toBe('*\n');
  });
});

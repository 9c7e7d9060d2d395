import { verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Workspace } from '../support/cli.ts';
import { publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { build, createSigningWorkspace } from '../support/signed-builds.ts';

const BOARD = 'ESP32_GENERIC_C6';
const BOTH = `out/${BOARD}-2`;
const ONE = `out/${BOARD}-1`;
const SCHEME = 'ecdsa256';

let work: Workspace;
let first: string;
let second: string;

beforeAll(async () => {
  work = await createSigningWorkspace([BOARD], [SCHEME]);
  await build(work, { board: BOARD, scheme: SCHEME, count: 1, version: '1' });
  await build(work, { board: BOARD, scheme: SCHEME, count: 2, version: '2' });
  const digests = await work.runHere([
    ...['keys', 'digest', `${SCHEME}-first.pub.pem`, `${SCHEME}-second.pub.pem`],
  ]);
  [first = '', second = ''] = digests.stdout.split('\n').map((line) => line.slice(0, 64));
  expect(digests.stdout).toContain(`${second}  ${SCHEME}-second.pub.pem`);
});

async function errorsOf(
  release: string,
  ...keys: readonly string[]
): Promise<{ readonly code: number | null; readonly errors: string }> {
  await work.write(
    'trust.yaml',
    `schema: 2\nkeys:\n${keys.map((key) => `  - {${key}}\n`).join('')}`,
  );
  const { code, stdout } = await work.runHere(['verify', release, '--trust', 'trust.yaml']);
  const errors = stdout.split('\n').filter((line) => line.includes('error:'));
  return { code, errors: errors.join('\n') };
}

describe('a release by two keys', () => {
  test('holds for whoever trusts either of them', async () => {
    for (const name of ['first', 'second']) {
      const trust = `${SCHEME}-${name}.pub.pem`;
      const { code, stdout } = await work.runHere(['verify', BOTH, '--trust', trust]);
      expect(code, stdout).toBe(0);
    }
    const third = ['verify', BOTH, '--trust', `${SCHEME}-third.pub.pem`];
    expect((await work.runHere(third)).code).toBe(9);
  });

  test('has a signature by each over its manifest, as its README says', async () => {
    const file = JSON.parse((await work.read(BOTH, 'manifest.json.sig')).toString()) as {
      schema: number;
      signatures: { key: string; signature: string }[];
    };
    expect(file.schema).toBe(1);
    expect(file.signatures.map(({ key }) => key)).toEqual([first, second]);
    const manifest = await work.read(BOTH, 'manifest.json');
    for (const [index, name] of ['first', 'second'].entries()) {
      const key = publicPem(aPrivateKey(SCHEME, name));
      const signature = Buffer.from(file.signatures[index]?.signature ?? '', 'base64');
      expect(verify('sha256', manifest, key, signature)).toBe(true);
    }
  });

  test.each([
    [
      'exchanged',
      (text: string) => text.replace(first, 'x').replace(second, first).replace('x', second),
    ],
    ['by a stranger', (text: string) => text.replace(second, 'c'.repeat(64))],
    ['twice the same', (text: string) => text.replace(/\{[^{}]*\},\s*(\{[^{}]*\})/, '$1, $1')],
    ['damaged', (text: string) => text.replace(/("signature": ".{40})./, '$1/')],
    ['of another version', (text: string) => text.replace('"schema": 1', '"schema": 9')],
  ])('is refused when its manifest signatures are %s', async (_, change) => {
    const original = await work.read(BOTH, 'manifest.json.sig');
    try {
      const changed = change(original.toString());
      expect(changed).not.toBe(original.toString());
      await writeFile(work.path(BOTH, 'manifest.json.sig'), changed);
      const { code, stdout } = await work.runHere(['verify', BOTH]);
      expect(code).toBe(9);
      expect(stdout).toMatch(/error: .*manifest\.json\.sig: (its|is not a|has two) sig/);
    } finally {
      await writeFile(work.path(BOTH, 'manifest.json.sig'), original);
    }
  });
});

describe('verify --trust trust.yaml', () => {
  const everything = 'roles: [image, manifest]';

  test('accepts a key in its roles', async () => {
    expect(await errorsOf(ONE, `digest: ${first}, ${everything}`)).toEqual({ code: 0, errors: '' });
    const apart = [`digest: ${first}, roles: [image]`, `digest: ${second}, roles: [manifest]`];
    expect(await errorsOf(BOTH, ...apart)).toEqual({ code: 0, errors: '' });
  });

  test('refuses app and manifest by a revoked key, and says why', async () => {
    const { code, errors } = await errorsOf(
      ONE,
      `digest: ${first}, ${everything}, comment: release 2024, revoked: 2024-06-01, why: laptop stolen`,
    );
    expect(code).toBe(9);
    const reason = `key ${first} (release 2024) was revoked on 2024-06-01: laptop stolen`;
    expect(errors.split('\n')).toEqual([
      expect.stringMatching(/manifest\.json\.sig: .*laptop stolen/),
      expect.stringContaining(reason),
    ]);
  });

  test('refuses a key before its day', async () => {
    const { code, errors } = await errorsOf(
      ONE,
      `digest: ${first}, ${everything}, from: 2999-01-01`,
    );
    expect(code).toBe(9);
    expect(errors).toContain(`key ${first} does not count before 2999-01-01`);
  });

  test('refuses a manifest by a key that is for images only, and an app by one for manifests', async () => {
    const images = await errorsOf(ONE, `digest: ${first}, roles: [image]`);
    expect(images.code).toBe(9);
    expect(images.errors).toContain(
      `key ${first} is trusted for images only, not for release manifests`,
    );
    const manifests = await errorsOf(ONE, `digest: ${first}, roles: [manifest]`);
    expect(manifests.code).toBe(9);
    expect(manifests.errors).toContain(
      `key ${first} is trusted for release manifests only, not for images`,
    );
  });

  test('holds a single image to the image role alone', async () => {
    const app = `${ONE}/${BOARD}-1.app-bin`;
    expect((await errorsOf(app, `digest: ${first}, roles: [image]`)).code).toBe(0);
    const refused = await errorsOf(app, `digest: ${first}, roles: [manifest]`);
    expect(refused.code).toBe(9);
    expect(refused.errors).toContain('not for images');
  });

  test('refuses a development key that is not listed, and takes one that is', async () => {
    const dev = [
      ...['--board', BOARD, '--firmware', `${BOARD}.bin`, '--app-version', '3'],
      ...['--sign', '--scheme', SCHEME, '--json', '--quiet'],
    ];
    expect((await work.runHere(dev, { environment: { CI: undefined } })).code).toBe(0);
    const release = `out/${BOARD}-3`;
    const refused = await errorsOf(release, `digest: ${first}, ${everything}`);
    expect(refused.code).toBe(9);
    expect(refused.errors).toContain('is a development key');
    const key = `keys/dev/${SCHEME}.pem`;
    const digest = (await work.runHere(['keys', 'digest', key])).stdout.trim();
    expect((await errorsOf(release, `digest: ${digest}, ${everything}`)).code).toBe(0);
  });
});

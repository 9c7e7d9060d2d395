import { generateKeyPairSync } from 'node:crypto';
import { rm, symlink } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { VerifyError } from '../../../builder/errors/families.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import { projectTrust, readTrust, type Trust } from '../../../builder/verify/trust.ts';
import { createWorkspace, type Workspace } from '../../support/cli.ts';
import { publicPem } from '../../support/pem.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const NOW = new Date('2026-06-15T12:00:00Z');

let work: Workspace;

beforeAll(async () => {
  work = await createWorkspace();
});

async function trust(text: string, now = NOW): Promise<Trust> {
  await work.write('trust.yaml', text);
  return readTrust(work.path('trust.yaml'), 'trust.yaml', now);
}

const file = (...keys: readonly string[]): string =>
  `schema: 2\nkeys:\n${keys.map((key) => `  - { ${key} }\n`).join('')}`;
const counted = ({ image, manifest }: Trust): readonly (readonly string[])[] =>
  [image, manifest].map(({ trustedKeys }) => trustedKeys.map((key) => key.toString('hex')));

describe('a trust.yaml', () => {
  test('of the older form trusts its keys for everything', async () => {
    const read = await trust(`schema: 1\nkeys:\n  - digest: ${A}\n    comment: release\n`);
    expect(counted(read)).toEqual([[A], [A]]);
    expect(read.publicKeys).toBeUndefined();
  });

  test('trusts a key in its roles, and says of others what it is for', async () => {
    const read = await trust(
      file(`digest: ${A}, roles: [image], comment: factory`, `digest: ${B}, roles: [manifest]`),
    );
    expect(counted(read)).toEqual([[A], [B]]);
    expect(read.manifest.refusedKeys?.get(A)).toBe(
      `key ${A} (factory) is trusted for images only, not for release manifests`,
    );
    expect(read.image.refusedKeys?.get(B)).toBe(
      `key ${B} is trusted for release manifests only, not for images`,
    );
  });

  test.each([
    ['2026-06-15T23:59:59Z', false],
    ['2026-06-16T00:00:00Z', true],
  ])('counts a key from its first day on: at %s %s', async (now, counts) => {
    const text = file(`digest: ${A}, roles: [image, manifest], from: 2026-06-16`);
    const read = await trust(text, new Date(now));
    expect(counted(read)).toEqual(counts ? [[A], [A]] : [[], []]);
    expect(read.image.refusedKeys?.get(A)).toBe(
      counts ? undefined : `key ${A} does not count before 2026-06-16`,
    );
  });

  test.each([
    ['2026-06-15T23:59:59Z', true],
    ['2026-06-16T00:00:00Z', false],
  ])('counts a key until the day of its revocation: at %s %s', async (now, counts) => {
    const text = file(`digest: ${A}, roles: [image], revoked: 2026-06-16, why: laptop stolen`);
    const read = await trust(text, new Date(now));
    expect(counted(read)).toEqual(counts ? [[A], []] : [[], []]);
    expect(read.image.refusedKeys?.get(A)).toBe(
      counts ? undefined : `key ${A} was revoked on 2026-06-16: laptop stolen`,
    );
  });

  test('may have other dates for each role of a key', async () => {
    const read = await trust(
      file(
        `digest: ${A}, roles: [image]`,
        `digest: ${A}, roles: [manifest], revoked: 2026-01-01, why: moved to the KMS`,
      ),
    );
    expect(counted(read)).toEqual([[A], []]);
    expect(read.manifest.refusedKeys?.get(A)).toContain('moved to the KMS');
  });

  test.each([
    [file(`digest: ${A}, roles: []`), /trust\.yaml:3:\d+: keys\.0\.roles: expected at least one/],
    [file(`digest: ${A}`), /keys\.0\.roles: missing/],
    [file(`digest: ${A}, roles: [boot]`), /keys\.0\.roles\.0: expected image or manifest/],
    [file(`digest: ${A}, roles: [image], from: 2026-02-30`), /from: expected a date.*2026-02-30/],
    [file(`digest: ${A}, roles: [image], revoked: 2026-02-03`), /keys\.0: revoked and why go/],
    [file(`digest: ${A}, roles: [image], why: lost`), /keys\.0: revoked and why go together/],
    [file(`digest: ${A}, roles: [image], until: 1`), /keys\.0\.until: unknown key/],
    [
      file(`digest: ${A}, roles: [image]`, `digest: ${A}, roles: [image]`),
      /listed twice for image/,
    ],
    ['schema: 2\nkeys: []\n', /keys: expected at least one key/],
    ['schema: 3\nkeys: []\n', /schema: expected schema: 2 \(or 1\)/],
    [`schema: 1\nkeys:\n  - { digest: ${A}, roles: [image] }\n`, /keys\.0\.roles: unknown key/],
    ['', /trust\.yaml/],
    ['['.repeat(60_000), /trust\.yaml:1:65: nested too deeply/],
    [`${'- '.repeat(30_000)}x`, /trust\.yaml:1:\d+: nested too deeply/],
    ['{a: '.repeat(12_000), /nested too deeply/],
    [
      Array.from({ length: 300 }, (_, index) => `${' '.repeat(index)}a:`).join('\n'),
      /trust\.yaml:130:\d+: nested too deeply/,
    ],
  ])('is refused when it is %.40j', async (text, says) => {
    const error = await trust(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(VerifyError);
    expect((error as VerifyError).code).toBe('TRUST_INVALID');
    expect((error as VerifyError).message).toMatch(says);
  });
});

describe('a PEM file', () => {
  const keys = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey);

  test('trusts every key in it', async () => {
    const read = await trust(keys.map((key) => publicPem(key)).join('# and\n'));
    const digests = keys.map((key) => keyDigestOfPublicKey(key).toString('hex'));
    expect(counted(read)).toEqual([digests, digests]);
    expect(read.publicKeys).toHaveLength(2);
  });

  test('is refused when one of its keys is torn or none that could be trusted', async () => {
    const [first = '', second = ''] = keys.map((key) => publicPem(key));
    await expect(trust(first + second.slice(0, 80))).rejects.toThrow(/a PEM block has no end/);
    const ed25519 = publicPem(generateKeyPairSync('ed25519').privateKey);
    await expect(trust(first + ed25519)).rejects.toThrow(/not a public key that could be trusted/);
  });
});

describe("a project's keys/trust.yaml", () => {
  test('is nothing only when it is not there', async () => {
    const project = await createWorkspace();
    expect(await projectTrust(project.directory)).toBeUndefined();
    await project.write('keys/README', '');
    await symlink('nowhere', project.path('keys', 'trust.yaml'));
    await expect(projectTrust(project.directory)).rejects.toThrow(/keys.trust\.yaml/);
    await rm(project.path('keys'), { recursive: true });
    await project.write('keys', 'a file');
    await expect(projectTrust(project.directory)).rejects.toThrow(/cannot be read \(ENOTDIR\)/);
  });
});

import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { formatIndexSignatures } from '../../builder/release-index/index-signatures.ts';
import {
  formatReleaseIndex,
  type ReleaseIndex,
} from '../../builder/release-index/release-index.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { bitAt } from '../support/flips.ts';
import { expectSentence } from '../support/leaves-nothing.ts';
import {
  copyTree,
  entryOf,
  filesBelow,
  makeDrillRelease,
  publishInto,
  readIndexOf,
  signatureOver,
  writeIndex,
} from '../support/made-tree.ts';
import { publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

// Whoever owns the server, the cable or a mirror changes what was published. They do not have the publisher's key.

const BOARD = 'ESP32_GENERIC';
const OTHER_BOARD = 'ESP32_GENERIC_C3';
const key = aPrivateKey('rsa3072', 'publisher');
const attacker = aPrivateKey('rsa3072', 'attacker');
const AT = `tree/${BOARD}`;

let work: Workspace;
let runs = 0;

beforeAll(async () => {
  work = await createWorkspace();
  const tree = work.path('published');
  const [older, newer, foreign, forged] = await Promise.all([
    makeDrillRelease({ version: '1.2.2', keys: [key] }),
    makeDrillRelease({ version: '1.2.3', keys: [key] }),
    makeDrillRelease({ board: OTHER_BOARD, version: '1.2.3', keys: [key] }),
    makeDrillRelease({ version: '1.2.3', keys: [attacker] }),
  ]);
  await publishInto(tree, older, { keys: [key] });
  await cp(work.path('published', BOARD), work.path('yesterday', BOARD), { recursive: true });
  await publishInto(tree, newer, { keys: [key] });
  await publishInto(tree, foreign, { keys: [key] });
  await copyTree(forged, work.path('forged'));
  await work.write('key.pub.pem', publicPem(key));
});

beforeEach(async () => {
  await fresh();
  for (const name of ['out', 'state']) await rm(work.path(name), { recursive: true, force: true });
});

async function fresh(): Promise<void> {
  await rm(work.path('tree'), { recursive: true, force: true });
  await copyTree(work.path('published'), work.path('tree'));
}

/** Fetches as somebody who has done so never before, unless `remember`. */
function fetch(args: readonly string[] = [], remember = false): Promise<CliResult> {
  const state = remember ? 'state' : `states/${runs++}`;
  return work.runHere(['fetch', 'tree', '--board', BOARD, '--drill', ...args], {
    environment: { XDG_STATE_HOME: work.path(state) },
  });
}

const trusting = ['--trust', 'key.pub.pem'];

/** Nothing has the name of a release, and nothing that is wrong is kept. */
async function expectNothing(): Promise<void> {
  expect(await readdir(work.path('out')).catch(() => [])).toEqual([]);
}

async function expectRefused(result: CliResult, code: number, says: RegExp): Promise<void> {
  expectSentence(result, { code, says });
  expect(result.stdout).toBe('');
  await expectNothing();
}

/** The index as `change` makes it, not signed again. */
async function changeIndex(change: (index: ReleaseIndex) => unknown): Promise<void> {
  const index = await readIndexOf(work.path('tree'), BOARD);
  const changed = change(structuredClone(index)) as ReleaseIndex;
  await writeFile(work.path(AT, 'index.json'), formatReleaseIndex(changed));
}

/** The index as `change` makes it, signed by its publisher: by mistake, or out of two true ones. */
async function signChanged(change: (index: ReleaseIndex) => unknown): Promise<void> {
  const index = await readIndexOf(work.path('tree'), BOARD);
  await writeIndex(work.path(AT), change(structuredClone(index)) as ReleaseIndex, [key]);
}

describe('every file of a release', () => {
  const CHANGES: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    flipped: (bytes) => {
      const at = Math.floor(bytes.length / 2);
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ bitAt(at), at);
      return changed;
    },
    truncated: (bytes) => bytes.subarray(0, -1),
    emptied: () => Buffer.alloc(0),
    lengthened: (bytes) => Buffer.concat([bytes, Buffer.from('x')]),
  };

  test.each(Object.entries(CHANGES))('%s is refused, with and without trust', async (_, change) => {
    for (const name of await filesBelow(work.path('published', BOARD, '1.2.3'))) {
      const path = work.path(AT, '1.2.3', name);
      const bytes = await readFile(path);
      await writeFile(path, change(bytes));
      const result = await fetch(trusting);
      expect(result.stderr).toContain(name);
      await expectRefused(
        result,
        5,
        /is not what the index says|ended after|more than|has \d+ bytes/,
      );
      await expectRefused(await fetch(), 5, /./);
      await writeFile(path, bytes);
    }
    expect((await fetch(trusting)).code).toBe(0);
  });

  test('removed, or replaced by the one of another release or board, is refused', async () => {
    for (const name of await filesBelow(work.path('published', BOARD, '1.2.3'))) {
      const path = work.path(AT, '1.2.3', name);
      await rename(path, `${path}.away`);
      await expectRefused(await fetch(trusting), 5, /is listed, but is not there/);
      const old = work.path(AT, '1.2.2', name.replace('1.2.3', '1.2.2'));
      const isSame = (await readFile(old)).equals(await readFile(`${path}.away`));
      await cp(old, path);
      if (!isSame) await expectRefused(await fetch(trusting), 5, /./);
      await cp(work.path('tree', OTHER_BOARD, '1.2.3', name.replace(BOARD, OTHER_BOARD)), path);
      const isAlike = (await readFile(path)).equals(await readFile(`${path}.away`));
      if (!isAlike) await expectRefused(await fetch(trusting), 5, /./);
      await rename(`${path}.away`, path);
    }
    expect((await fetch(trusting)).code).toBe(0);
  });

  test('swapped with the next one is refused', async () => {
    const names = await filesBelow(work.path('published', BOARD, '1.2.3'));
    for (const [index, name] of names.entries()) {
      const [a, b] = [name, names[(index + 1) % names.length] ?? ''].map((each) =>
        work.path(AT, '1.2.3', each),
      ) as [string, string];
      await rename(a, `${a}.away`);
      await rename(b, a);
      await rename(`${a}.away`, b);
      await expectRefused(await fetch(trusting), 5, /./);
      await rename(a, `${a}.away`);
      await rename(b, a);
      await rename(`${a}.away`, b);
    }
    expect((await fetch(trusting)).code).toBe(0);
  });
});

describe('the index', () => {
  test('with any byte of it or of its signature flipped is refused, or brings what was published', async () => {
    for (const name of ['index.json', 'index.json.sig']) {
      const path = work.path(AT, name);
      const bytes = await readFile(path);
      const step = Math.ceil(bytes.length / 40);
      for (let at = 0; at < bytes.length; at += step) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ bitAt(at), at);
        await writeFile(path, changed);
        const result = await fetch(trusting);
        // The text around a signature may change and leave the signature as it is.
        if (name === 'index.json.sig' && result.code === 0) {
          await rm(work.path('out'), { recursive: true });
          continue;
        }
        expect([9, 11]).toContain(result.code);
        await expectRefused(
          result,
          result.code ?? 0,
          /changed since it was signed|is not (an|the) /,
        );
      }
      await writeFile(path, bytes);
    }
  });

  test('changed in any of its words is refused', async () => {
    const changes: ((index: ReleaseIndex) => unknown)[] = [
      (index) => ({ ...index, channels: { ...index.channels, stable: '1.2.2' } }),
      (index) => ({ ...index, sequence: index.sequence + 1 }),
      (index) => ({ ...index, versions: index.versions.slice(1), channels: { stable: '1.2.2' } }),
      (index) => ({ ...index, chip: 'esp32c3' }),
    ];
    for (const change of changes) {
      await fresh();
      await changeIndex(change);
      await expectRefused(await fetch(trusting), 9, /has been changed since it was signed/);
      await expectRefused(await fetch(), 9, /has been changed since it was signed/);
    }
  });

  test('without its signature is refused, whatever is allowed', async () => {
    await rm(work.path(AT, 'index.json.sig'));
    await expectRefused(await fetch(trusting), 9, /is not signed, and key\.pub\.pem says/);
    await expectRefused(await fetch([...trusting, '--allow-unsigned']), 9, /is not signed/);
    await expectRefused(await fetch(), 9, /is not signed: there is no index\.json\.sig/);
    expect((await fetch(['--allow-unsigned'])).code).toBe(0);
  });

  test('signed by a key that nobody trusts is refused', async () => {
    const index = await readIndexOf(work.path('tree'), BOARD);
    await writeIndex(work.path(AT), index, [attacker]);
    await expectRefused(await fetch(trusting), 9, /not signed by a key that key\.pub\.pem trusts/);
  });

  test('signed by a key that nobody trusts is not even parsed', async () => {
    const bytes = Buffer.from('[0]');
    await writeFile(work.path(AT, 'index.json'), bytes);
    const signature = formatIndexSignatures([signatureOver(bytes, attacker)]);
    await writeFile(work.path(AT, 'index.json.sig'), signature);
    await expectRefused(await fetch(trusting), 9, /not signed by a key that key\.pub\.pem trusts/);
  });

  test('signed by a key that is trusted for images only, or was revoked, is refused with the reason', async () => {
    const digest = (await work.runHere(['keys', 'digest', 'key.pub.pem'])).stdout.trim();
    const trust = (lines: string): string =>
      `schema: 2\nkeys:\n  - digest: ${digest}\n    ${lines}\n`;
    await work.write('image.yaml', trust('roles: [image]'));
    await work.write(
      'revoked.yaml',
      trust('roles: [image, manifest]\n    revoked: 2020-01-01\n    why: it was lost'),
    );
    await expectRefused(await fetch(['--trust', 'image.yaml']), 9, /trusted for images only/);
    await expectRefused(await fetch(['--trust', 'revoked.yaml']), 9, /revoked on .*it was lost/);
  });

  test('of another board, in place of the right one, is refused although its signature holds', async () => {
    for (const name of ['index.json', 'index.json.sig'])
      await cp(work.path('tree', OTHER_BOARD, name), work.path(AT, name));
    await expectRefused(await fetch(trusting), 9, /is about ESP32_GENERIC_C3, not ESP32_GENERIC/);
  });

  test('that is not one is refused', async () => {
    for (const text of ['', '{}', '[]', 'null', '<html>', '{"schema":2}']) {
      await writeFile(work.path(AT, 'index.json'), text);
      await rm(work.path(AT, 'index.json.sig'), { force: true });
      await expectRefused(await fetch(['--allow-unsigned']), 11, /is not an index of releases/);
    }
  });
});

describe('a replayed index', () => {
  const replay = async (): Promise<void> => {
    for (const name of ['index.json', 'index.json.sig'])
      await cp(work.path('yesterday', BOARD, name), work.path(AT, name));
  };

  test.each([
    ['with', trusting],
    ['without', []],
  ] as const)('is refused once the newer one was seen, %s trust', async (_, args) => {
    expect((await fetch(args, true)).code).toBe(0);
    await rm(work.path('out'), { recursive: true });
    await replay();
    const result = await fetch(args, true);
    await expectRefused(result, 9, /is an old one: its sequence is 1, and 2 was seen already/);
    expect(result.stderr).toMatch(/hint: .*remove .*state.*ESP32_GENERIC-[0-9a-f]{32}\.json/);
    await fresh();
    expect((await fetch(args, true)).code).toBe(0);
  });

  test('is told from one that was seen even when the release never arrived', async () => {
    await rm(work.path(AT, '1.2.3', 'manifest.json'));
    expect((await fetch(trusting, true)).code).toBe(5);
    await replay();
    await expectRefused(await fetch(trusting, true), 9, /is an old one/);
  });

  test('with the number of the newest and other words is refused: there are two of them', async () => {
    expect((await fetch(trusting, true)).code).toBe(0);
    await rm(work.path('out'), { recursive: true });
    await signChanged((index) => ({ ...index, channels: { stable: '1.2.2' } }));
    await expectRefused(await fetch(trusting, true), 9, /there are two of them/);
  });

  test('cannot hide behind a memory that was tampered with', async () => {
    expect((await fetch(trusting, true)).code).toBe(0);
    await rm(work.path('out'), { recursive: true });
    const folder = work.path('state', 'ota-build', 'fetch');
    const [name = ''] = await readdir(folder);
    await writeFile(join(folder, name), '{"schema":1}');
    await expectRefused(await fetch(trusting, true), 5, /cannot be used/);
  });
});

describe('without anybody to trust', () => {
  test('it is said loudly, and an index by other keys than before is refused', async () => {
    const first = await fetch([], true);
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/^warning: NOBODY SAID WHOSE SIGNATURES COUNT .* are remembered/m);
    await rm(work.path('out'), { recursive: true });
    const index = await readIndexOf(work.path('tree'), BOARD);
    const later = { ...index, sequence: index.sequence + 1 };
    await writeIndex(work.path(AT), later, [attacker]);
    await expectRefused(await fetch([], true), 9, /signed by other keys than before/);
    await rm(work.path(AT, 'index.json.sig'));
    await expectRefused(
      await fetch(['--allow-unsigned'], true),
      9,
      /was signed before, and is not any more/,
    );
    await writeIndex(work.path(AT), later, [key]);
    expect((await fetch([], true)).code).toBe(0);
  });

  test('a key that was slipped in among the signatures does not count later', async () => {
    const index = await readIndexOf(work.path('tree'), BOARD);
    await writeIndex(work.path(AT), index, [attacker, key]);
    expect((await fetch([], true)).code).toBe(0);
    await rm(work.path('out'), { recursive: true });
    await writeIndex(work.path(AT), { ...index, sequence: index.sequence + 1 }, [attacker]);
    await expectRefused(await fetch([], true), 9, /signed by other keys than before/);
  });

  test('a forged index seen then does not speak against a trusted one later', async () => {
    const index = await readIndexOf(work.path('tree'), BOARD);
    await writeIndex(work.path(AT), { ...index, sequence: 2 ** 40 }, [attacker]);
    expect((await fetch([], true)).code).toBe(0);
    await rm(work.path('out'), { recursive: true });
    await fresh();
    expect((await fetch(trusting, true)).code).toBe(0);
  });
});

describe('an index whose publisher signed what is not so', () => {
  test('with the files of another board as its version is refused', async () => {
    const foreign = await readIndexOf(work.path('tree'), OTHER_BOARD);
    await cp(work.path('tree', OTHER_BOARD, '1.2.3'), work.path(AT, '1.2.3'), { recursive: true });
    await signChanged((index) => ({
      ...index,
      versions: foreign.versions,
      channels: { stable: '1.2.3' },
    }));
    await expectRefused(
      await fetch(trusting),
      9,
      /lists ESP32_GENERIC_C3-1\.2\.3\.\S+ as a file of ESP32_GENERIC-1\.2\.3/,
    );
  });

  test.each([
    ['secure_version', { secureVersion: 7 }, /secure_version 0, not 7/],
    ['source', { sourceKind: 'prebuilt' }, /source drill, not prebuilt/],
    ['keys', { keys: ['0'.repeat(64)] }, /keys [0-9a-f]{64}, not 0000/],
    ['development key', { development: true }, /is signed with a development key/],
  ] as const)('that contradicts the manifest in %s is refused', async (_, facts, says) => {
    await signChanged((index) => ({
      ...index,
      versions: index.versions.map((entry) => ({ ...entry, ...facts })),
    }));
    await expectRefused(await fetch(trusting), 9, says);
  });

  test('that says another chip is refused', async () => {
    await signChanged((index) => ({ ...index, chip: 'esp32s3' }));
    await expectRefused(await fetch(trusting), 9, /chip esp32, not esp32s3/);
  });

  test('that lists a release signed by others is refused', async () => {
    await rm(work.path(AT, '1.2.3'), { recursive: true });
    await cp(work.path('forged'), work.path(AT, '1.2.3'), { recursive: true });
    const manifest = JSON.parse(
      await readFile(work.path('forged', 'manifest.json'), 'utf8'),
    ) as Manifest;
    const entry = await entryOf(work.path('forged'), manifest, 'stable');
    await signChanged((index) => ({ ...index, versions: [entry, ...index.versions.slice(1)] }));
    await expectRefused(await fetch(trusting), 9, /does not pass verification[^]*trusted key/);
  });

  test('that lists two names for one file, or fewer files than there are, is refused', async () => {
    await signChanged((index) => ({
      ...index,
      versions: index.versions.map((entry) => ({
        ...entry,
        files: [...entry.files, { ...entry.files[0], file: 'MANIFEST.json' }],
      })),
    }));
    await expectRefused(await fetch(trusting), 9, /lists .*MANIFEST\.json.* twice/i);
    await fresh();
    await signChanged((index) => ({
      ...index,
      versions: index.versions.map((entry) => ({
        ...entry,
        files: entry.files.filter(({ file }) => file !== 'otadata.bin'),
      })),
    }));
    await expectRefused(
      await fetch(trusting),
      9,
      /otadata\.bin: is listed in SHA256SUMS, but not there/,
    );
  });

  test('that claims more bytes than any release has is refused before anything is received', async () => {
    await signChanged((index) => ({
      ...index,
      versions: index.versions.map((entry) => ({
        ...entry,
        files: entry.files.map((file) => ({ ...file, size: 2 ** 40 })),
      })),
    }));
    await expectRefused(await fetch(trusting), 9, /a release has at most/);
  });
});

import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { expectSentence } from '../support/leaves-nothing.ts';
import { filesBelow, makeDrillRelease } from '../support/made-tree.ts';
import { publicPem } from '../support/pem.ts';
import { zipOf } from '../support/release.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC';
const STEM = `${BOARD}-1.2.3`;
const key = aPrivateKey('rsa3072', 'first');

let work: Workspace;
let release: string;
/** What the zip of the release holds. */
let files: ReadonlyMap<string, Buffer>;
let zip: Buffer;

beforeAll(async () => {
  work = await createWorkspace();
  release = await makeDrillRelease({ version: '1.2.3', keys: [key] });
  await work.write('key.pub.pem', publicPem(key));
  await work.write('other.pub.pem', publicPem(aPrivateKey('rsa3072', 'second')));
  zip = readFileSync(join(release, `${STEM}.zip`));
  const names = (await filesBelow(release)).filter((name) => !/SHA256SUMS|\.zip$/.test(name));
  files = new Map(names.map((name) => [name, readFileSync(join(release, name))]));
});

beforeEach(() => rm(work.path('out'), { recursive: true, force: true }));

async function fetch(bytes: Buffer, ...args: readonly string[]): Promise<CliResult> {
  await work.write('release.zip', bytes);
  return work.runHere(
    ['fetch', 'release.zip', '--board', BOARD, '--drill', '--trust', 'key.pub.pem', ...args],
    { environment: { XDG_STATE_HOME: work.path('state') } },
  );
}

/** The offset of a file's header in the central directory: signature, then the name 46 bytes on. */
function centralHeader(bytes: Buffer, name: string): number {
  const at = bytes.lastIndexOf(name) - 46;
  if (bytes.readUInt32LE(at) !== 0x02014b50) throw new Error(`${name} is not in the directory`);
  return at;
}

/** A zip with one name replaced by another of the same length, wherever it is. */
function renamed(from: string, to: string, zip: Buffer): Buffer {
  if (from.length !== to.length) throw new Error('names of two lengths');
  const changed = Buffer.from(zip);
  for (let at = zip.indexOf(from); at !== -1; at = zip.indexOf(from, at + 1)) {
    const isHeader = [30, 46].some(
      (size) => at >= size && zip.toString('latin1', at - size, at - size + 2) === 'PK',
    );
    if (isHeader) changed.write(to, at, 'latin1');
  }
  return changed;
}

function edited(edit: (bytes: Buffer, at: number) => void, name = 'otadata.bin'): Buffer {
  const changed = Buffer.from(zip);
  edit(changed, centralHeader(changed, name));
  return changed;
}

/** The manifest with another version in it. */
function withVersion(version: string): Buffer {
  const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '') as object;
  return Buffer.from(JSON.stringify({ ...manifest, version }));
}

describe('fetch from the zip of a release', () => {
  test('unpacks it, and verifies what came out', async () => {
    const { code, stderr } = await fetch(zip);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await filesBelow(work.path('out', STEM))).toEqual([...files.keys()].sort());
    for (const [name, bytes] of files)
      expect((await work.read('out', STEM, name)).equals(bytes)).toBe(true);
    expect((await fetch(zip)).stdout).toContain('was there already');
  });

  test.each([
    ['another board', ['--board', 'ESP32_GENERIC_C3'], 5, /is a release for ESP32_GENERIC, not/],
    ['another version', ['--version', '1.2.4'], 5, /has version 1\.2\.3, not 1\.2\.4/],
    ['another key', ['--trust', 'other.pub.pem'], 9, /does not pass verification[^]*trusted key/],
  ] as const)('refuses it for %s', async (_, args, code, says) => {
    expectSentence(await fetch(zip, ...args), { code, says });
    expect(await readdir(work.path('out')).catch(() => [])).toEqual([]);
  });

  test.each<[string, () => Buffer | Promise<Buffer>, number, RegExp]>([
    [
      'a name that leads out',
      () => renamed('otadata.bin', '../data.bin', zip),
      11,
      /relative path|not the name/,
    ],
    [
      'an absolute name',
      () => renamed('otadata.bin', '/tadata.bin', zip),
      11,
      /absolute path|not the name/,
    ],
    [
      'a backslash',
      () => renamed('otadata.bin', 'a\\adata.bin', zip),
      11,
      /invalid char|not the name/,
    ],
    ['a hidden name', () => renamed('otadata.bin', '.tadata.bin', zip), 11, /not the name/],
    [
      'one name twice',
      async () =>
        renamed(
          'otadata.biX',
          'otadata.bin',
          await zipOf(new Map([...files, ['otadata.biX', Buffer.from('x')]])),
        ),
      9,
      /lists otadata\.bin twice/,
    ],
    [
      'two names for one file',
      () => zipOf(new Map([...files, ['OTADATA.bin', Buffer.from('x')]])),
      9,
      /OTADATA\.bin.* twice/,
    ],
    [
      'a link',
      () => edited((bytes, at) => bytes.writeUInt32LE((0o120777 << 16) >>> 0, at + 38)),
      11,
      /not a regular file/,
    ],
    [
      'an encrypted file',
      () => edited((bytes, at) => bytes.writeUInt16LE(1, at + 8)),
      11,
      /is encrypted|size mismatch/,
    ],
    [
      'a strange compression',
      () => edited((bytes, at) => bytes.writeUInt16LE(12, at + 10)),
      11,
      /method 12/,
    ],
    [
      'a size that no release has',
      () => edited((bytes, at) => bytes.writeUInt32LE(0xfffffff0, at + 24)),
      11,
      /size/,
    ],
    [
      'a strange file',
      () => zipOf(new Map([...files, ['evil.sh', Buffer.from('x')]])),
      9,
      /evil\.sh: is not part/,
    ],
    [
      'no manifest',
      () => zipOf(new Map([...files].filter(([name]) => name !== 'manifest.json'))),
      9,
      /lists no manifest\.json/,
    ],
    [
      'a manifest that is none',
      () => zipOf(new Map([...files, ['manifest.json', Buffer.from('{}')]])),
      11,
      /manifest\.json: /,
    ],
    [
      'too many files',
      () => zipOf(new Map([...Array(80).keys()].map((each) => [`f${each}`, Buffer.alloc(0)]))),
      11,
      /80 entries/,
    ],
    [
      'a version that leads out',
      () => zipOf(new Map([...files, ['manifest.json', withVersion('/../../elsewhere/x')]])),
      11,
      /manifest\.json: version: /,
    ],
    ['nothing in it', () => Buffer.alloc(0), 11, /not the zip/],
    ['its end cut off', () => zip.subarray(0, -10), 11, /not the zip/],
  ])('refuses one with %s', async (_, make, code, says) => {
    expectSentence(await fetch(await make()), { code, says });
    expect(await readdir(work.path('out')).catch(() => [])).toEqual([]);
    expect(await readdir(work.directory)).not.toContain('elsewhere');
  });

  test('says without --trust that nobody vouches for it, and promises no memory of it', async () => {
    await work.write('release.zip', zip);
    const { code, stderr } = await work.runHere(
      ['fetch', 'release.zip', '--board', BOARD, '--drill'],
      { environment: { XDG_STATE_HOME: work.path('nothing') } },
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: NOBODY SAID WHOSE SIGNATURES COUNT.* No key is remembered of it/m,
    );
    expect(await readdir(work.directory)).not.toContain('nothing');
  });

  test('does not unpack more than an entry says', async () => {
    const bomb = deflateRawSync(Buffer.alloc(50_000_000));
    const name = 'manifest.json';
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(bomb.length, 18);
    local.writeUInt32LE(1000, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(8, 10);
    central.writeUInt32LE(bomb.length, 20);
    central.writeUInt32LE(1000, 24);
    central.writeUInt16LE(name.length, 28);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(1, 8);
    end.writeUInt16LE(1, 10);
    end.writeUInt32LE(46 + name.length, 12);
    end.writeUInt32LE(30 + name.length + bomb.length, 16);
    const parts = [local, Buffer.from(name), bomb, central, Buffer.from(name), end];
    expectSentence(await fetch(Buffer.concat(parts)), {
      code: 11,
      says: /too many bytes|more than/,
    });
  });

  test('finds any byte that was flipped', async () => {
    const step = Math.ceil(zip.length / 60);
    for (let at = 0; at < zip.length; at += step) {
      const changed = Buffer.from(zip);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
      const { code } = await fetch(changed);
      // What of a zip is not a file of the release, such as a date, may be anything.
      if (code === 0)
        for (const [name, bytes] of files)
          expect((await work.read('out', STEM, name)).equals(bytes)).toBe(true);
      else expect([9, 11]).toContain(code);
      await rm(work.path('out'), { recursive: true, force: true });
    }
  });
});

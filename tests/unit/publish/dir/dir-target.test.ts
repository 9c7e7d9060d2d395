import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PublishError } from '../../../../builder/errors/families.ts';
import { openSigner } from '../../../../builder/keys/open-signer.ts';
import type { Signer } from '../../../../builder/keys/signer.ts';
import { dirTarget, type DirTargetOptions } from '../../../../builder/publish/dir/dir-target.ts';
import { LOCK } from '../../../../builder/publish/dir/lock.ts';
import { checkPublishable, type Publishable } from '../../../../builder/publish/publishable.ts';
import type { Published, PublishedRelease } from '../../../../builder/publish/target.ts';
import { parseIndexSignatures } from '../../../../builder/release-index/index-signatures.ts';
import type { Workspace } from '../../../support/cli.ts';
import {
  aPublisher,
  BOARD,
  build,
  problemsOf,
  readPublished,
} from '../../../support/published-tree.ts';
import { thrownBy } from '../../../support/thrown.ts';

let work: Workspace;
let signer: Signer;
let first: Publishable;
let second: Publishable;

beforeAll(async () => {
  work = await aPublisher();
  await build(work, '1.0.0');
  await build(work, '1.1.0');
  signer = await openSigner('key.pem', {
    projectDirectory: work.directory,
    environment: {},
    askSecret: undefined,
    scheme: 'ecdsa256',
    note: () => undefined,
    warn: () => undefined,
  });
  first = await checked('1.0.0');
  second = await checked('1.1.0');
});

const checked = (version: string): Promise<Publishable> =>
  checkPublishable(`out/${BOARD}-${version}`, { projectDirectory: work.directory });

function publish(
  tree: string,
  release: Publishable,
  {
    signers = [signer],
    ...more
  }: Partial<DirTargetOptions> & { readonly signers?: readonly Signer[] } = {},
): Promise<Published> {
  const target = dirTarget(`dir:${tree}`, tree, {
    projectDirectory: work.directory,
    allow: new Set(),
    signal: new AbortController().signal,
    note: () => undefined,
    ...more,
  });
  return target.publish([{ release, channel: 'stable' }], signers, () => undefined);
}

/** A signer that has something done before it signs: the moment between the release and its index. */
const signingAfter = (action: () => Promise<unknown>): Signer => ({
  ...signer,
  sign: async (contents) => {
    await action();
    return signer.sign(contents);
  },
});

describe('a directory that is published to', () => {
  test('has the signatures of the index before beside those of the index now', async () => {
    await publish('signatures', first);
    await publish('signatures', second);
    const bytes = await work.read('signatures', BOARD, 'index.json.sig');
    expect(parseIndexSignatures(bytes, 'x')).toHaveLength(2);
    await build(work, '1.2.0');
    await publish('signatures', await checked('1.2.0'));
    const later = await work.read('signatures', BOARD, 'index.json.sig');
    expect(parseIndexSignatures(later, 'x')).toHaveLength(2);
  });

  test('can be read at every moment: a reader between signature and index finds the index before', async () => {
    await publish('between', first);
    const place = work.path('between', BOARD);
    const seen: number[] = [];
    await publish('between', second, {
      signers: [signingAfter(async () => void seen.push((await readPublished(place)).sequence))],
    });
    expect(seen).toEqual([1]);
    expect((await readPublished(place)).sequence).toBe(2);
  });

  test('keeps its index when the lock is lost before it', async () => {
    await publish('lost', first);
    const place = work.path('lost', BOARD);
    const thief = signingAfter(() => rm(join(place, LOCK), { recursive: true }));
    const error = await thrownBy(PublishError, () => publish('lost', second, { signers: [thief] }));
    expect(error.code).toBe('TARGET_BUSY');
    expect((await readPublished(place)).channels).toEqual({ stable: '1.0.0' });
    expect(await problemsOf(place)).toEqual([]);
    await publish('lost', second);
    expect((await readPublished(place)).channels).toEqual({ stable: '1.1.0' });
    expect((await readdir(place)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('does not get a release that changed since it was checked', async () => {
    await build(work, '1.5.0');
    const release = await checked('1.5.0');
    await appendFile(join(release.directory, 'flash_args'), ' ');
    const error = await thrownBy(PublishError, () => publish('changed', release));
    expect(error.code).toBe('ASSET_MISMATCH');
    expect(error.message).toContain('flash_args');
    // Nothing of what was begun, either: it may be why a disk is full.
    expect(await readdir(work.path('changed', BOARD))).toEqual([]);
  });

  test('is asked once more under the lock whether the release may go there', async () => {
    const target = dirTarget('dir:asked', 'asked', {
      projectDirectory: work.directory,
      allow: new Set(),
      signal: new AbortController().signal,
      note: () => undefined,
    });
    await publish('asked', first);
    const admit = ({ versions }: { readonly versions: readonly { version: string }[] }): void => {
      throw new Error(`it has ${versions.map(({ version }) => version).join()}`);
    };
    await expect(
      target.publish([{ release: second, channel: 'stable', admit }], [signer], () => undefined),
    ).rejects.toThrow('it has 1.0.0');
    expect(await readdir(work.path('asked', BOARD))).not.toContain('1.1.0');
  });

  test('stops at an interruption and leaves what another run goes on from', async () => {
    const stop = new AbortController();
    const done: PublishedRelease[] = [];
    const target = dirTarget('dir:stopped', 'stopped', {
      projectDirectory: work.directory,
      allow: new Set(),
      signal: stop.signal,
      note: () => undefined,
    });
    const publications = [first, second].map((release) => ({ release, channel: 'stable' }));
    await expect(
      target.publish(publications, [signer], (release) => {
        done.push(release);
        stop.abort(new Error('stopped'));
      }),
    ).rejects.toThrow('stopped');
    expect(done.map(({ stem }) => stem)).toEqual([`${BOARD}-1.0.0`]);
    expect(await problemsOf(work.path('stopped', BOARD))).toEqual([]);
  });

  test('is restored from the release when a listed version has gone, and only with the same bytes', async () => {
    await publish('gone', first);
    await rm(work.path('gone', BOARD, '1.0.0'), { recursive: true });
    await publish('gone', first);
    expect(await problemsOf(work.path('gone', BOARD))).toEqual([]);
    await rm(work.path('gone', BOARD, '1.0.0'), { recursive: true });
    const [one, ...others] = first.files;
    if (one === undefined) throw new Error('no files');
    const forged = { ...first, files: [{ ...one, sha256: '0'.repeat(64) }, ...others] };
    const error = await thrownBy(PublishError, () => publish('gone', forged));
    expect(error.code).toBe('RELEASE_EXISTS');
  });
});

describe('a directory that is not as it should be', () => {
  test.each([
    { what: 'a listed version', gone: '1.0.0', says: /lists version 1\.0\.0, which is not there/ },
    { what: 'the index', gone: 'index.json', says: /has releases \(1\.0\.0\) and no index/ },
  ])('without $what is published to with a warning', async ({ gone, says }) => {
    const said: string[] = [];
    const warn = (_: string, message: string): void => void said.push(message);
    const tree = `without-${gone}`;
    await publish(tree, first, { warn });
    expect(said).toEqual([]);
    await rm(work.path(tree, BOARD, gone), { recursive: true });
    await publish(tree, second, { warn });
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(says);
  });
});

describe('the page of a board', () => {
  const page: DirTargetOptions['page'] = ({ targetName, index, place }) =>
    Promise.resolve({
      assets: [{ file: 'assets/page-1.0.0/page.js', bytes: Buffer.from('script') }],
      files: [
        {
          file: 'index.html',
          bytes: Buffer.from(`${targetName} ${place} ${index.channels['stable'] ?? ''}`),
        },
      ],
    });

  test('is made from the index that was written, after it, its scripts first', async () => {
    const place = work.path('paged', BOARD);
    const sequences: number[] = [];
    await publish('paged', first, {
      page: async (input) => {
        sequences.push((await readPublished(input.place)).sequence);
        return page(input);
      },
    });
    expect(sequences).toEqual([1]);
    expect(await readFile(join(place, 'index.html'), 'utf8')).toBe(`${BOARD} ${place} 1.0.0`);
    const script = work.path('paged', 'assets', 'page-1.0.0', 'page.js');
    expect(await readFile(script, 'utf8')).toBe('script');
    expect((await stat(script)).mode & 0o777).toBe(0o644);
  });

  test('is completed when it is missing, and not touched when it is as it should be', async () => {
    await publish('mended', first, { page: page });
    const place = work.path('mended', BOARD);
    const before = await stat(join(place, 'index.html'));
    await publish('mended', first, { page });
    expect((await stat(join(place, 'index.html'))).ino).toBe(before.ino);
    await writeFile(join(place, 'index.html'), 'torn');
    await publish('mended', first, { page });
    expect(await readFile(join(place, 'index.html'), 'utf8')).toContain('1.0.0');
    expect((await readPublished(place)).sequence).toBe(1);
  });
});

test('what killed publishers left is removed, and nothing else', async () => {
  await publish('left', first);
  const place = work.path('left', BOARD);
  await mkdir(join(place, '.9.9.9.0123456789ab.partial'));
  await writeFile(join(place, '.index.json.0123456789ab.partial'), 'half');
  await writeFile(join(place, '.htaccess'), 'deny');
  await publish('left', second);
  expect((await readdir(place)).filter((name) => name.startsWith('.'))).toEqual(['.htaccess']);
});

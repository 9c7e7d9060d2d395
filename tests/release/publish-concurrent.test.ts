import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { openSigner } from '../../builder/keys/open-signer.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { dirTarget } from '../../builder/publish/dir/dir-target.ts';
import { checkPublishable, type Publishable } from '../../builder/publish/publishable.ts';
import type { Workspace } from '../support/cli.ts';
import {
  aPublisher,
  BOARD,
  build,
  problemsOf,
  readPublished,
  withoutPages,
} from '../support/published-tree.ts';

const IN_THIS_PROCESS = 192;
const IN_OTHERS = 8;

let work: Workspace;
let made: Publishable;

beforeAll(async () => {
  work = await aPublisher();
  for (let each = 0; each < IN_OTHERS; each++) await build(work, `1.0.${each}`);
  made = await checkPublishable(`out/${BOARD}-1.0.0`, { projectDirectory: work.directory });
});

/** A release of another version as the checker would hand it over: building two hundred would take minutes. */
async function aRelease(version: string): Promise<Publishable> {
  const directory = work.path('small', version);
  await mkdir(directory, { recursive: true });
  const manifest: Manifest = { ...made.manifest, version };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digest = createHash('sha256').update(bytes).digest('hex');
  const sums = Buffer.from(`${digest} *manifest.json\n`);
  const files = [];
  for (const [file, contents] of [
    ['SHA256SUMS', sums],
    ['manifest.json', bytes],
  ] as const) {
    await writeFile(join(directory, file), contents);
    const sha256 = createHash('sha256').update(contents).digest('hex');
    files.push({ file, size: contents.length, sha256 });
  }
  return { ...made, directory, stem: `${BOARD}-${version}`, manifest, files };
}

test('two hundred publishers at once lose nothing of each other', async () => {
  const signer = await openSigner('key.pem', {
    projectDirectory: work.directory,
    environment: {},
    askSecret: undefined,
    scheme: 'ecdsa256',
    note: () => undefined,
    warn: () => undefined,
  });
  const versions = Array.from({ length: IN_THIS_PROCESS }, (_, index) => `2.0.${index}`);
  const releases = await Promise.all(versions.map(aRelease));
  const here = releases.map((release) => {
    // Each has its own target, as each process would have.
    const target = dirTarget('dir:tree', 'tree', {
      projectDirectory: work.directory,
      allow: new Set(['not-newer']),
      signal: new AbortController().signal,
      note: () => undefined,
    });
    return target.publish([{ release, channel: 'stable' }], [signer], () => undefined);
  });
  const elsewhere = Array.from({ length: IN_OTHERS }, (_, index) =>
    work.run([
      ...['publish', `out/${BOARD}-1.0.${index}`, '--to', 'dir:tree', '--key', 'key.pem'],
      ...['--trust', 'key.pub.pem', '--allow-not-newer', '--quiet'],
    ]),
  );
  const codes = (await Promise.all(elsewhere)).map(({ code, stderr }) =>
    code === 0 ? '' : stderr,
  );
  await Promise.all(here);
  expect(codes).toEqual(Array.from({ length: IN_OTHERS }, () => ''));

  const place = work.path('tree', BOARD);
  const index = await readPublished(place);
  expect(index.sequence).toBe(IN_THIS_PROCESS + IN_OTHERS);
  const all = [...versions, ...Array.from({ length: IN_OTHERS }, (_, each) => `1.0.${each}`)];
  expect(index.versions.map(({ version }) => version).sort()).toEqual(all.sort());
  expect(await problemsOf(place)).toEqual([]);
  expect(await withoutPages(place)).toEqual([...all, 'index.json', 'index.json.sig'].sort());
  expect((await readFile(join(place, 'index.json.sig'))).length).toBeLessThan(4096);
}, 300_000);

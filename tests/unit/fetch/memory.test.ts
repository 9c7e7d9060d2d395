import fc from 'fast-check';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FetchError } from '../../../builder/errors/families.ts';
import { newestOf } from '../../../builder/fetch/index-trust.ts';
import { openMemory, type Seen } from '../../../builder/fetch/memory.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const seen = (sequence: number): Seen => ({
  index: { sequence, sha256: 'a'.repeat(64) },
  keys: ['b'.repeat(64)],
  trusted: false,
  channels: { stable: '1.2.3' },
});

describe('the memory of a source', () => {
  test('keeps what was seen, for its owner only, each source and target by itself', async () => {
    const state = await tempDirectory();
    const memory = openMemory({ XDG_STATE_HOME: state }, 'https://a/', 'B');
    expect(await memory.recall()).toBeUndefined();
    await memory.keep(seen(3), { afresh: false });
    expect(await memory.recall()).toEqual(seen(3));
    expect((await stat(memory.file)).mode & 0o777).toBe(0o600);
    expect(await openMemory({ XDG_STATE_HOME: state }, 'https://b/', 'B').recall()).toBeUndefined();
    expect(await openMemory({ XDG_STATE_HOME: state }, 'https://a/', 'C').recall()).toBeUndefined();
    expect(await readdir(dirname(memory.file))).toHaveLength(1);
  });

  test('does not go back to what another run has left behind, unless that does not count', async () => {
    const memory = openMemory({ XDG_STATE_HOME: await tempDirectory() }, 'https://a/', 'B');
    await memory.keep(seen(5), { afresh: false });
    await memory.keep(seen(4), { afresh: false });
    expect((await memory.recall())?.index?.sequence).toBe(5);
    await memory.keep(seen(4), { afresh: true });
    expect((await memory.recall())?.index?.sequence).toBe(4);
  });

  test('is below the home directory when no other place is named', async () => {
    const home = await tempDirectory();
    for (const XDG_STATE_HOME of [undefined, '', 'relative']) {
      const { file } = openMemory({ HOME: home, XDG_STATE_HOME }, 's', 'B');
      expect(file.startsWith(join(home, '.local', 'state', 'ota-build', 'fetch', 'B-'))).toBe(true);
    }
  });

  test('is refused, never forgotten, whatever bytes are there', async () => {
    const memory = openMemory({ XDG_STATE_HOME: await tempDirectory() }, 's', 'B');
    await mkdir(dirname(memory.file), { recursive: true });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        await writeFile(memory.file, text);
        await expect(memory.recall()).rejects.toBeInstanceOf(FetchError);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the newest version of a channel', () => {
  test('is the newer of what was seen and what there is, by semver', () => {
    expect(
      newestOf(
        { stable: '1.10.0', beta: '2.0.0-beta.1', old: '1.0.0' },
        { stable: '1.9.0', beta: '2.0.0-beta.2' },
      ),
    ).toEqual({ stable: '1.10.0', beta: '2.0.0-beta.2', old: '1.0.0' });
  });
});

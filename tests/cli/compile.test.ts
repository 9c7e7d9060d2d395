import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createWorkspace } from '../support/cli.ts';
import { callsOf, makeIdf, makeMicroPython } from '../support/fake-idf.ts';

const BUILD = [
  '--board',
  'ESP32_GENERIC',
  '--app-version',
  '1.2.3',
  '--micropython',
  'micropython',
];

describe('a build from source', () => {
  test('makes a signed release of what idf.py compiled, and changes nothing in the sources', async () => {
    const workspace = await createWorkspace();
    const environment = await makeIdf(workspace);
    const sources = await makeMicroPython(workspace);
    const before = await workspace.listing();
    const built = await workspace.run([...BUILD, '--sign'], { environment });
    expect(built.code, built.stderr).toBe(0);
    const added = (await workspace.listing()).filter((line) => line.startsWith('micropython/'));
    expect(added).toEqual(before.filter((line) => line.startsWith('micropython/')));
    expect((await readFile(`${sources}/ports/esp32/lockfiles`)).toString()).toBe(
      'as checked out\n',
    );
    const [call] = await callsOf(workspace);
    console.log(call, built.stdout, built.stderr);
    const verified = await workspace.run(['verify', 'out/ESP32_GENERIC-1.2.3']);
    expect(verified.code, verified.stdout).toBe(0);
  });
});

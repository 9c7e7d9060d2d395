import { describe, expect, test } from 'vitest';
import { chipOf } from '../support/boards.ts';
import { createWorkspace } from '../support/cli.ts';
import { makeApp, makeRelease } from '../support/firmware.ts';
import { expectRefusal, expectSentence } from '../support/leaves-nothing.ts';

const chip = chipOf('ESP32_GENERIC');
const BUILD = ['--board', 'ESP32_GENERIC', '--app-version', '1.2.3'];

describe('a truncated image', () => {
  const WHOLE = { 'firmware.bin': makeRelease({ chip }), 'app.app-bin': makeApp({ chip }) };
  const lengths = (size: number): readonly number[] =>
    [...Array(50).keys()].map((part) => Math.floor((size * part) / 50));

  test.each(Object.entries(WHOLE))(
    '%s is refused at every 1/50th of its length',
    async (name, bytes) => {
      const workspace = await createWorkspace();
      for (const length of lengths(bytes.length)) {
        await workspace.write(name, bytes.subarray(0, length));
        const before = await workspace.listing();
        const result = await workspace.runHere([...BUILD, '--firmware', name, '--key', 'dev']);
        expect([length, result.code, result.stderr]).toEqual([length, 11, result.stderr]);
        expectSentence(result, {
          code: 11,
          says: new RegExp(`^error: ${name}|of ${name} is damaged`),
        });
        expect(await workspace.listing()).toEqual(before);
      }
    },
  );

  test.each(Object.entries(WHOLE))(
    '%s is refused by a process of its own too, without a version',
    async (name, bytes) => {
      const workspace = await createWorkspace();
      await workspace.write(name, bytes.subarray(0, Math.floor(bytes.length * 0.9)));
      await expectRefusal(workspace, ['--board', 'ESP32_GENERIC', '--firmware', name], {
        code: 11,
        says: /firmware\.bin|app\.app-bin/,
      });
    },
  );
});

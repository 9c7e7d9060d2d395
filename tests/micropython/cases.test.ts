import { beforeAll, describe, expect, test } from 'vitest';
import { casesOf, startPython, VERSIONS, type Outcome } from './interpreter.ts';

const FILES = ['update_cases', 'http_cases', 'release_cases', 'trial_cases'];

const PARTITIONS = [
  { partition: "MicroPython's own Partition", extended: false },
  { partition: 'the Partition of firmware/ota', extended: true },
];

describe.each(VERSIONS)('the package ota on MicroPython $version', ({ load }) => {
  describe.each(PARTITIONS)('with $partition', ({ extended }) => {
    describe.each(FILES)('%s', (file) => {
      const names = casesOf(`${file}.py`);
      const outcomes = new Map<string, Outcome>();

      beforeAll(async () => {
        const { run } = await startPython({ load, extended });
        for (const name of names) {
          outcomes.set(name, run(`import ${file}\n${file}.${name}()`));
        }
      });

      test.each(names)('%s', (name) => {
        expect(outcomes.get(name)?.traceback).toBe('');
      });
    });
  });
});

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PORTS, runPython } from './interpreter.ts';

const CASES = join(import.meta.dirname, 'cases');

/** The cases of a file, by the functions that it defines. */
function casesIn(file: string): readonly string[] {
  const text = readFileSync(join(CASES, file), 'utf8');
  return [...text.matchAll(/^def (test_\w+)\(\):$/gm)].map(([, name = '']) => name);
}

const FILES = readdirSync(CASES).filter((name) => name.endsWith('_cases.py'));
const FIRMWARES = [
  { title: 'with the Partition of MicroPython', extended: false },
  { title: 'with the Partition of firmware/ota', extended: true },
];

describe.each(PORTS)('the package ota on $title', (port) => {
  describe.each(FIRMWARES)('$title', ({ extended }) => {
    describe.each(FILES)('%s', (file) => {
      test.each(casesIn(file))('%s', async (name) => {
        const { traceback, printed } = await runPython(
          port,
          [
            'import esp32, bench',
            `bench.extended = ${extended ? 'True' : 'False'}`,
            'esp32.use(bench.extended)',
            `import ${file.replace(/\.py$/, '')} as cases`,
            `cases.${name}()`,
          ].join('\n'),
        );
        expect(traceback.trim(), printed).toBe('');
      });
    });
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findBuildFailure, findSlotOverflow } from '../../builder/compile/build-failure.ts';
import { NinjaProgress } from '../../builder/compile/ninja-progress.ts';
import { requireOptions } from '../../builder/compile/sdkconfig.ts';
import { CompileError } from '../../builder/errors/families.ts';

const word = fc.constantFrom(
  ...[
    'error: ',
    'CMake Error at ',
    ':',
    '12',
    '\n',
    ' ',
    '/',
    '): ',
    'undefined reference to ',
    '`',
  ],
  ...[
    'Traceback (most recent call last)',
    '  File "x", line 3',
    'SyntaxError: ',
    '[3/9] ',
    'Call Stack',
  ],
  ...[
    'app partitions are too small for binary ',
    'size 0x10',
    "Part 'a' ",
    'CONFIG_A=y',
    '# Only on: ',
  ],
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(word, { maxLength: 60 }).map((words) => words.join('')),
);

test('whatever a build prints, looking for its error and its progress never throws', () => {
  fc.assert(
    fc.property(text, (output) => {
      const lines = output.split('\n');
      const failure = findBuildFailure(lines);
      if (failure !== undefined) expect(failure.message.length).toBeLessThan(700);
      findSlotOverflow(lines);
      const progress = new NinjaProgress();
      for (const line of lines) {
        const now = progress.read(line);
        if (now !== undefined) expect(now.done).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

test('long lines of anything are looked at in time that grows with their length', () => {
  for (const unit of ['/', 'a ', ':', '):', 'x:1: ', 'ld: ', 'region `'])
    findBuildFailure([
      unit.repeat(16_384 / unit.length),
      `${unit.repeat(8_000 / unit.length)}undefined reference to x`,
    ]);
});

test('whatever an sdkconfig holds is enough or a CompileError', () => {
  fc.assert(
    fc.property(text, text, (sdkconfig, asked) => {
      try {
        requireOptions(sdkconfig, [asked], 'esp32');
      } catch (error) {
        expect(error).toBeInstanceOf(CompileError);
      }
    }),
  );
});

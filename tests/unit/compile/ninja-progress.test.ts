import { expect, test } from 'vitest';
import { NinjaProgress } from '../../../builder/compile/ninja-progress.ts';

test('ninja’s lines are one progress: the bootloader’s own numbers do not set it back', () => {
  const progress = new NinjaProgress();
  const read = (line: string) => progress.read(line);
  expect(read('-- Configuring done')).toBeUndefined();
  expect(read('[0/1] Re-running CMake...')).toEqual({
    done: 0,
    total: 1,
    step: 'Re-running CMake...',
  });
  expect(
    read('[700/1500] Building C object esp-idf/main/CMakeFiles/__idf_main.dir/mp/py/gc.c.obj'),
  ).toEqual({
    ...{ done: 700, total: 1500, step: 'gc.c' },
  });
  expect(read('[3/90] Building ASM object x/vectors.S.obj')).toMatchObject({
    done: 700,
    step: 'vectors.S',
  });
  expect(read('[699/1500] Linking CXX static library esp-idf/lwip/liblwip.a')).toMatchObject({
    done: 700,
  });
  expect(read('[1500/1500] done')).toEqual({ done: 1500, total: 1500, step: 'done' });
});

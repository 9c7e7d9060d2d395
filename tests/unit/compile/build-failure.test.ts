import { describe, expect, test } from 'vitest';
import { findBuildFailure, findSlotOverflow } from '../../../builder/compile/build-failure.ts';

const found = (text: string) => findBuildFailure(text.split('\n'));

describe('the first real error of a build', () => {
  test.each<readonly [string, string, object]>([
    [
      'of GCC, behind what leads to it',
      "In file included from /mp/py/obj.h:30,\n                 from /mp/py/gc.c:31:\n/mp/py/gc.c: In function 'gc_init':\n/mp/py/gc.c:123:5: error: 'x' undeclared (first use in this function); did you mean 'y'?\n/mp/py/gc.c:130:1: error: second",
      { file: '/mp/py/gc.c', line: 123, message: /^'x' undeclared/ },
    ],
    [
      'of GCC that cannot find a header',
      '../main/x.c:5:10: fatal error: nope.h: No such file or directory\ncompilation terminated.',
      { file: '../main/x.c', line: 5, message: /^nope\.h: No such file/ },
    ],
    [
      'of GCC that takes a warning for an error',
      '/mp/a b/c.c:9:3: error: unused variable [-Werror=unused-variable]\ncc1: all warnings being treated as errors',
      { file: '/mp/a b/c.c', line: 9, message: /unused variable/ },
    ],
    [
      'of GCC that was killed for its memory',
      'riscv32-esp-elf-gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.',
      { message: /riscv32-esp-elf-gcc: Killed signal/ },
    ],
    [
      'of ld: an undefined reference, with debug information',
      "/opt/bin/ld: esp-idf/main/libmain.a(x.c.obj):(.literal+0x4): undefined reference to `f'\n/mp/x.c:12: undefined reference to `f'\ncollect2: error: ld returned 1 exit status",
      { message: /^undefined reference to `f'/ },
    ],
    [
      'of ld: a place in the source',
      "/mp/x.c:12: undefined reference to `f'",
      { file: '/mp/x.c', line: 12 },
    ],
    [
      'of ld: a region that is full',
      "/opt/bin/ld: region `iram0_0_seg' overflowed by 1234 bytes",
      { message: /^region `iram0_0_seg' overflowed by 1234 bytes/ },
    ],
    [
      'of CMake, without the way that led there',
      'CMake Error at /ota/graft.cmake:12 (message):\n  The table was not found\n\n  in esp32_partition.c\n\nCall Stack (most recent call first):\n  main/CMakeLists.txt:3 (include)',
      {
        file: '/ota/graft.cmake',
        line: 12,
        message: /^The table was not found in esp32_partition\.c$/,
      },
    ],
    [
      'of CMake without a place',
      'CMake Error: The source directory "/x" does not exist.',
      { message: /^The source directory/ },
    ],
    [
      'of the component manager',
      "CMake Error at /idf/tools/cmake/build.cmake:613 (message):\n  ERROR: Because project depends on espressif/mdns (1.1.0) which\n  doesn't match any versions, version solving failed.\nCall Stack (most recent call first):",
      { message: /version solving failed/ },
    ],
    [
      'of Kconfig',
      'Traceback (most recent call last):\n  File "/idf/tools/kconfig_new/confgen.py", line 5, in <module>\nkconfiglib.core.KconfigError: Kconfig:3: syntax error',
      { message: /^kconfiglib\.core\.KconfigError: Kconfig:3/ },
    ],
    [
      'of mpy-cross, in a frozen file',
      'error compiling lamp.py:\nTraceback (most recent call last):\n  File "modules/lamp.py", line 7\nSyntaxError: invalid syntax',
      { file: 'modules/lamp.py', line: 7, message: /^SyntaxError/ },
    ],
    [
      'of a manifest',
      'freeze error executing "/mp/manifest.py": cannot stat x.py\nninja: build stopped: subcommand failed.',
      { message: /cannot stat x\.py/ },
    ],
    ['of esptool', 'A fatal error occurred: Segment overlaps', { message: /^Segment overlaps/ }],
    [
      'of ninja',
      "ninja: error: loading 'build.ninja': No such file or directory",
      { message: /^loading/ },
    ],
    [
      'a compiler’s, although a script complained before',
      'error: something vague\n/mp/x.c:1:1: error: the real one',
      { file: '/mp/x.c', message: /the real one/ },
    ],
  ])('is found: %s', (_, text, { message, ...place }: { message?: RegExp }) => {
    const failure = found(text);
    expect(failure).toMatchObject(place);
    expect(failure?.message).toMatch(message ?? /./);
  });

  test.each([
    '',
    '[1/20] Building C object error.c.obj',
    'warning: deprecated',
    '0 errors generated',
  ])('is not found in: %s', (text) => {
    expect(found(text)).toBeUndefined();
  });

  test('is cut where it is longer than anybody reads', () => {
    expect(found(`a.c:1:1: error: ${'x'.repeat(10_000)}`)?.message.length).toBeLessThan(700);
  });
});

describe('an app that is too large', () => {
  test.each([
    "Error: app partition is too small for binary micropython.bin size 0x1d0000:\n  - Part 'factory' 0/0 @ 0x10000 size 0x1c0000 (overflow 0x10000)",
    "Error: All app partitions are too small for binary micropython.bin size 0x1d0000:\n  - Part 'factory' 0/16 @ 0x10000 size 0x1c0000 (overflow 0x10000)",
  ])('is told with its numbers: %s', (text) => {
    expect(findSlotOverflow(text.split('\n'))).toEqual({
      ...{ kind: 'overflow', size: 0x1d0000, partition: 'factory', slot: 0x1c0000 },
    });
  });

  test('is not seen where nobody said so', () => {
    expect(findSlotOverflow(['app partitions are too small for binary'])).toBeUndefined();
    expect(findSlotOverflow([])).toBeUndefined();
  });
});

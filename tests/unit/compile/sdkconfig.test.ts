import { describe, expect, test } from 'vitest';
import { requireOptions, sdkconfigLines } from '../../../builder/compile/sdkconfig.ts';
import { CompileError } from '../../../builder/errors/families.ts';

describe('what a build ended up with', () => {
  test.each([
    ['the same', 'CONFIG_A=y', 'CONFIG_A=y'],
    ['off, as Kconfig writes it', '# CONFIG_A is not set', 'CONFIG_A=n'],
    ['off, as what is not visible', '', 'CONFIG_A=n'],
    ['a number in another base', 'CONFIG_A=0x8000', 'CONFIG_A=32768'],
    ['a string', 'CONFIG_A="x y"', 'CONFIG_A="x y"'],
    ['with line ends of Windows', 'CONFIG_A=y\r\n', 'CONFIG_A=y'],
    ['what the last file asked for', 'CONFIG_A=2', 'CONFIG_A=1\nCONFIG_A=2'],
    ['nothing, for another chip', '', '# Only on: esp32s3, esp32c3\nCONFIG_A=y\n'],
  ])('holds when it is %s', (_, sdkconfig, asked) => {
    expect(() => {
      requireOptions(sdkconfig, [asked], 'esp32');
    }).not.toThrow();
  });

  test.each([
    ['on', '', 'CONFIG_A=y', /CONFIG_A=n, but the release needs y/],
    ['another number', 'CONFIG_A=1', 'CONFIG_A=2', /CONFIG_A=1, but the release needs 2/],
    ['on, on this chip', '', 'CONFIG_B=n\n\n# Only on: esp32s3, esp32\nCONFIG_A=y', /CONFIG_A=n/],
    ['off', 'CONFIG_A=y', 'CONFIG_A=n', /CONFIG_A=y, but the release needs n/],
  ])('does not hold when it should be %s', (_, sdkconfig, asked, says) => {
    const check = (): void => {
      requireOptions(sdkconfig, [asked], 'esp32');
    };
    expect(check).toThrow(CompileError);
    expect(check).toThrow(says);
  });

  test('is asked for in lines that Kconfig reads', () => {
    const text = sdkconfigLines({
      A: true,
      B: false,
      C: 3,
      PARTITION_TABLE_OFFSET: 0x8000,
      D: 'a "b" \\',
    });
    expect(text.split('\n').slice(1, -1)).toEqual([
      ...['CONFIG_A=y', 'CONFIG_B=n', 'CONFIG_C=3', 'CONFIG_PARTITION_TABLE_OFFSET=0x8000'],
      'CONFIG_D="a \\"b\\" \\\\"',
    ]);
  });
});

import { expect, test } from 'vitest';
import { formatSize } from '../../../../builder/cli/render/size.ts';

test.each([
  [0, '0 B'],
  [1, '1 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [0x1a20, '6.5 KiB'],
  [24 * 1024, '24 KiB'],
  [1023 * 1024, '1023 KiB'],
  [0xfffff, '1 MiB'],
  [0x100000, '1 MiB'],
  [0x1c0000, '1.75 MiB'],
  [0x1a1000, '1.63 MiB'],
  [100 * 0x100000, '100 MiB'],
  [0xffffffff, '4096 MiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

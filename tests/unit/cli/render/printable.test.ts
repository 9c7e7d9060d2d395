import { expect, test } from 'vitest';
import { printable } from '../../../../builder/cli/render/printable.ts';

test.each([
  ['nvs', 'nvs'],
  ['größe 数据 🙂', 'größe 数据 🙂'],
  ['\u001b[2Jx', '\\x1b[2Jx'],
  ['a\nb\r\t\0', 'a\\x0ab\\x0d\\x09\\x00'],
  ['\u009b31m', '\\x9b31m'],
  ['\u202egnp.exe', '\\u{202e}gnp.exe'],
  ['\u2028', '\\u{2028}'],
])('%j is shown as %s', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

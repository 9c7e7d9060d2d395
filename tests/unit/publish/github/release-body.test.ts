import { expect, test } from 'vitest';
import { codeSpan, digestInBody } from '../../../../builder/publish/github/release-body.ts';

test.each([
  ['ESP32_GENERIC', '`ESP32_GENERIC`'],
  ['a|b', '`a\\|b`'],
  ['a`b', '``a`b``'],
  ['``', '``` `` ```'],
  ['@team <b> [x](http://y)', '`@team <b> [x](http://y)`'],
  ['a\n| b\r\u2028c\u202ed', '`a \\| b c d`'],
  ['', '–'],
])('%j stays code in a cell of a table', (text, code) => {
  expect(codeSpan(text).replace(/ +/g, ' ')).toBe(code);
});

test('only our own marker says for which bytes a release was made', () => {
  const digest = 'ab'.repeat(32);
  expect(digestInBody(`text\n<!-- ota-build ${digest} -->\n`)).toBe(digest);
  for (const body of ['', digest, `<!-- other ${digest} -->`, '<!-- ota-build abc -->'])
    expect(digestInBody(body)).toBeUndefined();
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SDKCONFIG_FRAGMENTS } from '../support/stand-in.ts';

const files = readdirSync(SDKCONFIG_FRAGMENTS).filter((name) => name.endsWith('.sdkconfig'));

function read(name: string): string {
  return readFileSync(join(SDKCONFIG_FRAGMENTS, name), 'utf8');
}

/** The options that a fragment sets, in its order. */
function options(name: string): readonly (readonly [string, string])[] {
  return [...read(name).matchAll(/^CONFIG_(\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [
    key,
    value,
  ]);
}

describe('The sdkconfig fragments', () => {
  test.each(files)('%s has comments and options, and nothing else', (name) => {
    const rest = read(name)
      .split('\n')
      .filter((line) => !/^(?:#.*|CONFIG_[A-Z0-9_]+=(?:y|n|\d+|0x[0-9a-f]+|".*")|)$/.test(line));
    expect(rest).toEqual([]);
    const names = options(name).map(([key]) => key);
    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
    expect(read(name)).toContain('\n# Works with ');
  });

  test('are all in the README, and it names no other', () => {
    const named = [...read('README.md').matchAll(/^\| `([\w-]+\.sdkconfig)`/gm)].map(
      ([, file]) => file,
    );
    expect(named.sort()).toEqual([...files].sort());
  });

  test('that go together do not contradict each other', () => {
    const together = files.filter(
      (name) => !name.startsWith('secure-boot') && !name.includes('ecdsa'),
    );
    const seen = new Map<string, string>();
    for (const [key, value] of together.flatMap(options)) {
      expect(seen.get(key) ?? value, key).toBe(value);
      seen.set(key, value);
    }
  });

  test('that burn eFuses say so', () => {
    for (const name of files.filter((file) => options(file).some(([key]) => key === 'SECURE_BOOT')))
      expect(read(name).replaceAll(/\s+#\s+/g, ' ')).toContain('THE FIRST BOOT BURNS EFUSES');
  });
});

// OTA_BUILD_ESP_IDF names a directory with one ESP-IDF checkout for each version, named after its tag. The Kconfig files
// are enough. Options of one chip (ESP32_REV_MIN_3) are in files of that chip.
const CHECKOUTS = process.env['OTA_BUILD_ESP_IDF'] ?? '';
const tags = existsSync(CHECKOUTS)
  ? readdirSync(CHECKOUTS).filter((name) => /^v\d/.test(name))
  : [];
const reason =
  tags.length === 0 ? ' (skipped: OTA_BUILD_ESP_IDF names no directory with checkouts)' : '';

function declared(tag: string): ReadonlySet<string> {
  const names = readdirSync(join(CHECKOUTS, tag), { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?:^|\/)Kconfig[^/]*$/.test(path))
    .flatMap((path) => [
      ...readFileSync(join(CHECKOUTS, tag, path), 'utf8').matchAll(/^\s*config (\w+)\s*$/gm),
    ])
    .map(([, name = '']) => name);
  return new Set(names);
}

describe.skipIf(tags.length === 0)(`The options of the fragments${reason}`, () => {
  test.each(tags)('are in the Kconfig files of ESP-IDF %s', (tag) => {
    const known = declared(tag);
    const unknown = files.flatMap(options).filter(([key]) => !known.has(key));
    expect(unknown).toEqual([]);
  });
});

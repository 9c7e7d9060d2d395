import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { readBuildSettings } from '../../builder/esp-idf/build-settings.ts';
import { locate } from '../../builder/esp-idf/build-place.ts';
import { parseFlasherArgs } from '../../builder/esp-idf/flasher-args.ts';
import { parseProjectDescription } from '../../builder/esp-idf/project-description.ts';
import {
  parseSdkconfig,
  parseSdkconfigJson,
  secretsIn,
  type ConfigValue,
} from '../../builder/esp-idf/sdkconfig.ts';
import { FormatError } from '../../builder/errors/families.ts';
import { makeBuildTree, sdkconfigText } from '../support/build-directory.ts';
import { throwsFormatError } from '../support/format-error.ts';
import { tempProject } from '../support/temp-directory.ts';

const TREE = makeBuildTree({ chip: esp32 });

/** Parsers of files in a build directory, each with a sound file. */
const PARSERS = [
  ['flasher_args.json', (bytes: Buffer) => parseFlasherArgs(bytes, 'f')],
  ['project_description.json', (bytes: Buffer) => parseProjectDescription(bytes, 'f')],
  ['sdkconfig', (bytes: Buffer) => readBuildSettings(parseSdkconfig(bytes, 'f'))],
  ['config/sdkconfig.json', (bytes: Buffer) => readBuildSettings(parseSdkconfigJson(bytes, 'f'))],
] as const;

/** Values, or a FormatError; anything else is thrown on. */
const isTotal = (parse: (bytes: Buffer) => unknown, bytes: Buffer): boolean =>
  throwsFormatError(() => parse(bytes)) || true;

describe.each(PARSERS)('%s', (file, parse) => {
  const sound = TREE.get(file) ?? Buffer.alloc(0);

  test('is read as it was written', () => {
    expect(throwsFormatError(() => parse(sound))).toBe(false);
  });

  test('of any bytes gives a value or a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (b) => isTotal(parse, Buffer.from(b))),
    );
  });

  test('of any JSON gives a value or a FormatError', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 4 }), (text) => isTotal(parse, Buffer.from(text))));
  });

  test('with any of its values replaced, or its bytes changed or cut off, is read or refused', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: sound.length - 1 }),
        fc.nat({ max: 255 }),
        fc.boolean(),
        (at, byte, cut) => {
          const bytes = Buffer.from(cut ? sound.subarray(0, at) : sound);
          if (!cut) bytes.writeUInt8(byte, at);
          return isTotal(parse, bytes);
        },
      ),
    );
  });
});

test('an sdkconfig says what was written into it', () => {
  const name = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/);
  const value: fc.Arbitrary<ConfigValue> = fc.oneof(
    fc.constant(true),
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.stringMatching(/^[ -!#-[\]-~]{0,20}$/),
  );
  fc.assert(
    fc.property(fc.dictionary(name, value), (config) => {
      const text = Buffer.from(sdkconfigText(config));
      expect(Object.fromEntries(parseSdkconfig(text, 'f'))).toEqual({ ...config });
      const json = Buffer.from(JSON.stringify(config));
      expect(Object.fromEntries(parseSdkconfigJson(json, 'f'))).toEqual({ ...config });
    }),
  );
});

test('no value of an sdkconfig is among the names of its secrets', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{8,20}$/), (secret) => {
      const config = parseSdkconfig(Buffer.from(`CONFIG_A_PASSWORD="${secret}"\n`), 'f');
      expect(secretsIn(config)).toEqual(['CONFIG_A_PASSWORD']);
    }),
  );
});

test('no path leads out of a build directory', async () => {
  const root = await tempProject({ 'build/a/b': 'x', secret: 'x' });
  const place = { root: `${root}/build`, name: 'build' };
  const part = fc.constantFrom('..', '.', 'a', 'b', 'secret', '', '~', '\0', 'C:', '...');
  const path = fc
    .array(part, { maxLength: 8 })
    .chain((parts) => fc.constantFrom('/', '\\').map((separator) => parts.join(separator)));
  await fc.assert(
    fc.asyncProperty(path, async (file) => {
      try {
        const found = await locate(place, file);
        return found === undefined || found.startsWith(`${place.root}/`);
      } catch (error) {
        return error instanceof FormatError;
      }
    }),
  );
});

import { describe, expect, test } from 'vitest';
import { parseDependenciesLock } from '../../../builder/esp-idf/dependencies-lock.ts';
import { FormatError } from '../../../builder/errors/families.ts';

const parse = (text: string) => parseDependenciesLock(Buffer.from(text), 'dependencies.lock');

describe('dependencies.lock', () => {
  test('lists components of the registry and of git, and neither ESP-IDF nor local directories', () => {
    const text = `dependencies:
  espressif/mdns:
    component_hash: ${'a6'.repeat(32)}
    dependencies:
    - name: idf
      version: '>=5.0'
    source:
      registry_url: https://example.com/
      type: service
    version: 1.1.0
  a/git:
    component_hash: null
    source: {git: https://example.com/x.git, path: ., type: git}
    version: 0123456789abcdef0123456789abcdef01234567
  local:
    source: {path: /home/me/local, type: local}
    version: 1.0.0
  idf:
    source: {type: idf}
    version: 5.5.1
target: esp32
version: 2.0.0
`;
    expect(parse(text)).toEqual({
      target: 'esp32',
      components: [
        { name: 'a/git', version: '0123456789abcdef0123456789abcdef01234567' },
        { name: 'espressif/mdns', version: '1.1.0', hash: 'a6'.repeat(32) },
      ],
    });
  });

  test.each(['version: 2.0.0\n', '', '# empty\n'])('may list nothing: %j', (text) => {
    expect(parse(text)).toEqual({ components: [] });
  });

  test.each(['dependencies: 1\n', 'dependencies:\n  x: {version: 1.0}\n', '[', '&a [*a]\n'])(
    'is refused when it is something else: %j',
    (text) => {
      expect(() => parse(text)).toThrow(FormatError);
    },
  );
});

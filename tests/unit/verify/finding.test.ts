import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorFinding, errorsOf, warningFinding } from '../../../builder/verify/finding.ts';
import { describeFinding, describeFindings } from '../../../builder/verify/report.ts';

const SOURCE = join(import.meta.dirname, '..', '..', '..', 'builder', 'verify', 'finding.ts');

describe('Findings', () => {
  test('of every code have a test here that makes one', () => {
    const codes = [...readFileSync(SOURCE, 'utf8').matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(
      ([, code]) => code ?? '',
    );
    expect(codes.length).toBeGreaterThan(30);
    const tests = readdirSync(import.meta.dirname)
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
      .join('\n');
    expect(codes.filter((code) => !tests.includes(`'${code}'`))).toEqual([]);
  });

  test('that are errors are taken out of their checks in order', () => {
    const first = errorFinding('IMAGE_CHECKSUM', 'one', { file: 'a' });
    const second = errorFinding('IMAGE_DIGEST', 'two');
    const checks = [
      { title: 'a', findings: [first, warningFinding('SECURE_PADDING', 'hm')] },
      { title: 'b', findings: [second] },
    ];
    expect(errorsOf(checks)).toEqual([first, second]);
  });

  test('are sentences with file, problem and place', () => {
    const whole = errorFinding('IMAGE_DIGEST', 'does not match', { file: 'a.bin', offset: 0x1234 });
    expect(describeFinding(whole)).toBe('a.bin: does not match (at 0x1234)');
    expect(describeFinding(warningFinding('RELEASE_WARNING', 'take care'))).toBe('take care');
    expect(describeFindings([whole, whole]).split('\n')).toHaveLength(2);
  });
});

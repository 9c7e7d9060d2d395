import { expect, test } from 'vitest';
import { summaryTable } from '../../../builder/cli/job-summary.ts';
import type { Manifest } from '../../../builder/manifest/manifest.ts';

const MANIFEST = {
  board: 'ESP32_GENERIC',
  variant: 'SPIRAM',
  chip: 'esp32',
  version: '1.2.3',
  secureVersion: 2,
  artifacts: [{ role: 'app', file: 'x.app-bin', size: 0x100000 }],
  partitions: [
    { name: 'nvs', type: 1, subtype: 2, offset: 0x9000, size: 0x4000, flags: [] },
    { name: 'ota_0', type: 0, subtype: 0x10, offset: 0x10000, size: 0x1c0000, flags: [] },
    { name: 'ota_1', type: 0, subtype: 0x11, offset: 0x1d0000, size: 0x180000, flags: [] },
  ],
  signing: { scheme: 'rsa3072', keys: [{ digest: 'ab'.repeat(32), role: 'image' }] },
  warnings: [],
} as unknown as Manifest;

const rowOf = (changes: Partial<Manifest>): string =>
  summaryTable('Built', [{ manifest: { ...MANIFEST, ...changes }, what: 'built' }])
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .at(-1) ?? '';

test('a release is a row: board, sizes, what is left in the smallest slot, keys', () => {
  expect(rowOf({})).toBe(
    `| ESP32&#95;GENERIC-SPIRAM (esp32) | 1.2.3 | 2 | 1 MiB | 512 KiB (33 %) | rsa3072 <code>${'ab'.repeat(32)}</code> | built |`,
  );
});

test('one that nobody signed says so, and a development key is called one', () => {
  expect(rowOf({ signing: null })).toContain('| nobody |');
  const keys = [{ digest: 'cd'.repeat(32), role: 'image', development: true }] as const;
  expect(rowOf({ signing: { scheme: 'ecdsa256', keys: [...keys] } })).toContain('(development)');
});

test('text of a manifest cannot be HTML, a link or another cell', () => {
  const row = rowOf({ board: '<img src=x onerror=y>|[a](javascript:b)' });
  expect(row).not.toMatch(/<img|\[a\]|\(javascript/);
  expect(row.split(' | ')).toHaveLength(7);
});

test('warnings are listed below the table', () => {
  const warnings = [{ code: 'DRILL', message: 'meant to fail' }];
  const text = summaryTable('Built', [{ manifest: { ...MANIFEST, warnings }, what: 'built' }]);
  expect(text).toContain('- ESP32&#95;GENERIC-SPIRAM: meant to fail');
});

import { describe, expect, test } from 'vitest';
import { encodePartitionTable, type Partition } from '../../../builder/format/partition-table.ts';
import { checkTable } from '../../../builder/verify/table.ts';
import { aPartition, OTA_TABLE } from '../../support/plans.ts';

const file = 'partition-table.bin';
const FLASH = 0x400000;

const check = (bytes: Buffer, flashSize: number | undefined = FLASH) =>
  checkTable(bytes, { file, tableOffset: 0x8000, flashSize });

const table = (partitions: readonly Partition[]): Buffer => encodePartitionTable(partitions);

describe('A binary partition table', () => {
  test('with two OTA slots has no findings, and its rows come back', () => {
    expect(check(table(OTA_TABLE))).toEqual({ findings: [], partitions: OTA_TABLE });
  });

  test('with a changed row does not fit its MD5', () => {
    const bytes = table(OTA_TABLE);
    bytes.writeUInt8(0x7f, 4);
    const { findings, partitions } = check(bytes);
    expect(findings).toMatchObject([
      {
        severity: 'error',
        code: 'TABLE_MALFORMED',
        message: expect.stringMatching(/MD5/) as string,
        file,
        offset: 0xd0,
      },
    ]);
    expect(partitions).toEqual([]);
  });

  test('that is cut off is malformed', () => {
    expect(check(table(OTA_TABLE).subarray(0, 0x50)).findings).toMatchObject([
      { severity: 'error', code: 'TABLE_MALFORMED', file },
    ]);
  });

  test('with data behind it is refused', () => {
    const bytes = Buffer.concat([table(OTA_TABLE), Buffer.alloc(16, 0xff), Buffer.from('more')]);
    expect(check(bytes).findings).toMatchObject([
      {
        severity: 'error',
        code: 'TABLE_MALFORMED',
        message: expect.stringMatching(/behind the table/) as string,
        file,
      },
    ]);
  });

  test('without an MD5 row is refused: damage would go unnoticed', () => {
    const bytes = table(OTA_TABLE);
    bytes.fill(0xff, OTA_TABLE.length * 32);
    expect(check(bytes).findings).toMatchObject([
      {
        severity: 'error',
        code: 'TABLE_INVALID',
        message: expect.stringMatching(/no MD5 row/) as string,
        file,
      },
    ]);
  });

  test('with overlapping partitions names both', () => {
    const rows = OTA_TABLE.map((row) =>
      row.name === 'ota_1' ? { ...row, offset: 0x1c0000 } : row,
    );
    expect(check(table(rows)).findings).toMatchObject([
      {
        severity: 'error',
        code: 'TABLE_INVALID',
        message: expect.stringMatching(/'ota_1' starts at 0x1c0000, inside 'ota_0'/) as string,
        file,
      },
    ]);
  });

  test('that ends beyond flash says by how much, when the flash is known', () => {
    expect(check(table(OTA_TABLE), 0x200000).findings).toContainEqual(
      expect.objectContaining({
        code: 'TABLE_INVALID',
        message: expect.stringMatching(/'vfs' ends at 0x400000/) as string,
      }),
    );
    expect(
      checkTable(table(OTA_TABLE), { file, tableOffset: 0x8000, flashSize: undefined }).findings,
    ).toEqual([]);
  });

  test('with slots of different size is accepted with a warning', () => {
    const rows = OTA_TABLE.map((row) => (row.name === 'ota_1' ? { ...row, size: 0x1b0000 } : row));
    expect(check(table(rows)).findings).toMatchObject([
      {
        severity: 'warning',
        code: 'TABLE_INVALID',
        message: expect.stringMatching(/differ in size/) as string,
        file,
      },
    ]);
  });

  test('with one slot and otadata could never be updated', () => {
    const rows = OTA_TABLE.filter(({ name }) => name !== 'ota_1');
    expect(
      check(table([...rows, aPartition({ name: 'x', subtype: 6, offset: 0x1d0000 })])).findings,
    ).toMatchObject([
      {
        severity: 'error',
        code: 'TABLE_INVALID',
        message: expect.stringMatching(/only one OTA slot/) as string,
        file,
      },
    ]);
  });
});

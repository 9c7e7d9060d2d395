import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodePartitionTable } from '../../../builder/format/partition-table.ts';
import { describeTable } from '../../../builder/inspect/partition-table.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { aPartition, OTA_TABLE } from '../../support/plans.ts';

const PLACE = { offset: 0x8000, flashSize: 0x400000 };

describe('describeTable', () => {
  test('tells every partition in numbers and words', () => {
    const { report, partitions } = describeTable(encodePartitionTable(OTA_TABLE), PLACE);
    expect(partitions).toEqual(OTA_TABLE);
    expect(report).toMatchObject({ offset: 0x8000, md5: 'valid', dataBehind: false, remarks: [] });
    expect(report).not.toHaveProperty('problem');
    expect(report.partitions[3]).toEqual({
      name: 'ota_0',
      type: 0,
      subtype: 0x10,
      typeName: 'app',
      subtypeName: 'ota_0',
      offset: 0x10000,
      size: 0x1c0000,
      flags: [],
    });
  });

  test('tells flags, and types that nobody has named', () => {
    const odd = aPartition({ type: 0x40, subtype: 0x8f, encrypted: true, readonly: true });
    const { report } = describeTable(encodePartitionTable([odd]), PLACE);
    expect(report.partitions).toMatchObject([
      { typeName: '0x40', subtypeName: '0x8f', flags: ['encrypted', 'readonly'] },
    ]);
  });

  test('remarks on what is wrong or unwise about a layout', () => {
    const { report } = describeTable(encodePartitionTable(OTA_TABLE), {
      ...PLACE,
      flashSize: 0x200000,
    });
    expect(report.remarks).toContainEqual(expect.stringMatching(/'vfs' ends at 0x400000/));
  });

  test('knows tables without an MD5 row', () => {
    const table = encodePartitionTable(OTA_TABLE, { md5: false });
    expect(describeTable(table, PLACE).report.md5).toBe('absent');
  });

  test('says when something follows the table in its sector', () => {
    const sector = Buffer.concat([encodePartitionTable(OTA_TABLE), Buffer.alloc(68, 1)]);
    expect(describeTable(sector, PLACE).report.dataBehind).toBe(true);
    const nextSector = Buffer.concat([
      encodePartitionTable(OTA_TABLE),
      Buffer.alloc(0x400, 0xff),
      Buffer.alloc(16, 1),
    ]);
    expect(describeTable(nextSector, PLACE).report.dataBehind).toBe(false);
  });

  test('tells a Secure Boot V1 signature from other data behind the table', () => {
    const table = encodePartitionTable(OTA_TABLE);
    const signature = Buffer.concat([Buffer.alloc(4), Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);
    const { report } = describeTable(Buffer.concat([table, signature]), PLACE);
    expect(report.dataBehind).toBe(false);
    expect(report.signatureV1).toEqual({
      offset: 0xc00,
      contentsDigest: createHash('sha256').update(table).digest('hex'),
      r: '01'.repeat(32),
      s: '02'.repeat(32),
    });
    const more = Buffer.concat([table, signature, Buffer.from([0])]);
    expect(describeTable(more, PLACE).report.dataBehind).toBe(true);
  });

  test('shows the rows of a table whose MD5 does not match, and says so', () => {
    const table = encodePartitionTable(OTA_TABLE);
    table.writeUInt8(1, 4);
    const { report } = describeTable(table, PLACE);
    expect(report.md5).toBe('unknown');
    expect(report.problem).toMatch(/MD5/);
    expect(report.partitions.map(({ name }) => name)).toEqual(OTA_TABLE.map(({ name }) => name));
  });

  test('shows the rows in front of one that cannot be read', () => {
    const table = encodePartitionTable(OTA_TABLE);
    table.writeUInt8(0, 64);
    const { report } = describeTable(table, PLACE);
    expect(report.partitions.map(({ name }) => name)).toEqual(['nvs', 'otadata']);
    expect(report.problem).toMatch(/row at 0x40/);
  });

  test('shows the rows of a table that is cut off', () => {
    const { report } = describeTable(encodePartitionTable(OTA_TABLE).subarray(0, 80), PLACE);
    expect(report.partitions).toHaveLength(2);
    expect(report.problem).toBeDefined();
  });

  test('refuses bytes of which not even the first row can be read', () => {
    const error = formatErrorOf(() => describeTable(Buffer.from('aa50ff', 'hex'), PLACE));
    expect(error.code).toBe('TRUNCATED');
  });
});

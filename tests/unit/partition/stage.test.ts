import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { LayoutError } from '../../../builder/errors/families.ts';
import { parseAppDescription } from '../../../builder/format/app-desc.ts';
import { parseEspImage } from '../../../builder/format/esp-image.ts';
import { parsePartitionTable, type Partition } from '../../../builder/format/partition-table.ts';
import { partitionStage } from '../../../builder/partition/stage.ts';
import type { FilePlan } from '../../../builder/plan/plan.ts';
import type { Stamped } from '../../../builder/stamp/stamped.ts';
import { aContext, notesOf } from '../../support/contexts.ts';
import { makeApp, makeBootloader, type FirmwareOptions } from '../../support/firmware.ts';
import { aPartition, aPlan, OTA_TABLE } from '../../support/plans.ts';
import { thrownBy } from '../../support/thrown.ts';

const SIGNING = { scheme: 'rsa3072', bootloader: false, keys: ['dev'] } as const;

type Input = {
  readonly plan?: Partial<FilePlan>;
  readonly rows?: readonly Partition[];
  readonly firmware?: Omit<FirmwareOptions, 'chip'>;
  readonly bootloader?: false | number;
  readonly version?: string;
};

function stampedWith({ plan, rows, firmware, bootloader, version = 'v1.26.0' }: Input): Stamped {
  const app = makeApp({ chip: esp32, ...firmware });
  const layout = {
    ...aPlan().layout,
    partitions: (rows ?? OTA_TABLE).map((row, index) => ({ ...row, line: index + 7 })),
  };
  const bytes = makeBootloader(
    { chip: esp32, ...firmware },
    bootloader === false ? 0x100 : bootloader,
  );
  return {
    plan: aPlan({ layout, ...plan }),
    chip: esp32,
    app,
    description: parseAppDescription(app.subarray(32, 288)),
    pageSize: 0x10000,
    ...(bootloader === false ? {} : { bootloader: { offset: 0x1000, bytes, signed: false } }),
    source: {
      kind: 'prebuilt',
      file: 'f',
      sha256: '',
      container: 'app',
      idfVersion: 'v5',
      micropython: { version },
    },
  };
}

async function layOut(input: Input) {
  const { context, events } = aContext();
  const { layout, ...laidOut } = await partitionStage.run(context, stampedWith(input));
  return { layout, laidOut, warnings: context.warnings, notes: notesOf(events) };
}

const refused = (input: Input) => thrownBy(LayoutError, () => layOut(input));

describe('laying out flash', () => {
  test('makes the table of the plan and erased otadata', async () => {
    const { layout, warnings, notes } = await layOut({});
    expect(parsePartitionTable(layout.table)).toMatchObject({
      partitions: OTA_TABLE,
      md5: 'valid',
    });
    expect(layout.partitions).toEqual(OTA_TABLE);
    expect(layout.otadata).toHaveLength(0x2000);
    expect(layout.otadata.every((byte) => byte === 0xff)).toBe(true);
    expect(layout.otadataPartition.name).toBe('otadata');
    expect(layout.tableOffset).toBe(0x8000);
    expect([warnings, notes]).toEqual([[], []]);
  });

  test('lists the slots by their number, not by their row', async () => {
    const rows = OTA_TABLE.map((row) => {
      if (row.name === 'ota_0') return { ...row, name: 'b', subtype: 0x11 };
      return row.name === 'ota_1' ? { ...row, name: 'a', subtype: 0x10 } : row;
    });
    const { layout } = await layOut({ rows });
    expect(layout.slots.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test("writes the profile's flash size into the bootloader's header and says so", async () => {
    const { layout, laidOut, notes } = await layOut({ firmware: { flashSizeCode: 1 } });
    expect(layout.flash.size.name).toBe('4MB');
    expect(parseEspImage(laidOut.bootloader?.bytes ?? Buffer.alloc(0)).header.flashSizeCode).toBe(
      2,
    );
    expect(notes).toEqual([
      "the bootloader's header said 2MB of flash; it now says 4MB, as the profile does",
    ]);
  });

  test("keeps the bootloader's flash size where the profile says keep", async () => {
    const { layout, laidOut } = await layOut({
      plan: { flash: { size: 'keep' } },
      firmware: { flashSizeCode: 3 },
    });
    expect(layout.flash.size.name).toBe('8MB');
    expect(parseEspImage(laidOut.bootloader?.bytes ?? Buffer.alloc(0)).header.flashSizeCode).toBe(
      3,
    );
  });

  test('takes mode and frequency from the app where there is no bootloader, the size from the profile', async () => {
    const { layout, laidOut } = await layOut({ bootloader: false, firmware: { flashSizeCode: 1 } });
    expect(layout.flash).toMatchObject({ mode: 'dio', frequency: '40m', size: { name: '4MB' } });
    expect(laidOut).not.toHaveProperty('bootloader');
  });

  test('warns where there will be no file system', async () => {
    const { warnings } = await layOut({ rows: OTA_TABLE.slice(0, -1), version: 'v1.23.0' });
    expect(warnings.map(({ code }) => code)).toEqual(['NO_FILESYSTEM']);
  });

  test('warns of what is unwise about the table, with its line', async () => {
    const rows = OTA_TABLE.map((row) => (row.name === 'vfs' ? { ...row, size: 0x6f001 } : row));
    const { warnings } = await layOut({ rows });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.code).toBe('PARTITION_UNWISE');
    expect(warnings[0]?.message).toMatch(/^firmware\/partitions\/ota-4MiB\.csv:12: 'vfs'/);
  });
});

describe('laying out flash is refused', () => {
  test('with rows that overlap: both lines are named', async () => {
    const rows = OTA_TABLE.map((row) =>
      row.name === 'ota_1' ? { ...row, offset: 0x1c0000 } : row,
    );
    const error = await refused({ rows });
    expect(error.code).toBe('PARTITION_OVERLAP');
    expect(error.message).toMatch(/^firmware\/partitions\/ota-4MiB\.csv:10 and 11: 'ota_1' starts/);
    expect(error.where).toEqual({ file: 'firmware/partitions/ota-4MiB.csv', line: 11 });
  });

  test('with a table beyond the end of flash', async () => {
    const error = await refused({ plan: { flash: { size: '2MB' } } });
    expect(error.code).toBe('FLASH_SIZE');
    expect(error.hint).toContain('smaller layout');
  });

  test("with a table beyond the flash of the bootloader's header, which is kept", async () => {
    const error = await refused({
      plan: { flash: { size: 'keep' } },
      firmware: { flashSizeCode: 1 },
    });
    expect(error.code).toBe('FLASH_SIZE');
  });

  test('without OTA slots', async () => {
    const rows = [
      aPartition(),
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x10000, size: 0x100000 }),
    ];
    const error = await refused({ rows });
    expect(error.message).toContain('it could never be updated');
  });

  test('with everything that is wrong at once', async () => {
    const rows = OTA_TABLE.map((row) => (row.name === 'nvs' ? { ...row, size: 0x1000 } : row));
    const error = await refused({ rows: rows.filter(({ name }) => name !== 'ota_1') });
    expect(error.message.split('\n')).toHaveLength(2);
  });

  test('with an app that fits unsigned, but not signed', async () => {
    const small = OTA_TABLE.map((row) => (row.type === 0 ? { ...row, size: 0x10000 } : row));
    const rows = small.map((row) => (row.name === 'ota_1' ? { ...row, offset: 0x20000 } : row));
    await layOut({ rows });
    const error = await refused({ rows, plan: { signing: { ...SIGNING, keys: ['dev'] } } });
    expect(error.code).toBe('IMAGE_TOO_BIG');
    expect(error.message).toContain("slot 'ota_0' has 0x10000, 0x1000 (4096 bytes) too few");
  });

  test('with a bootloader that reaches into the table once it is signed', async () => {
    const plan = (bootloader: boolean): Partial<FilePlan> => ({
      signing: { ...SIGNING, keys: ['dev'], bootloader },
    });
    await layOut({ bootloader: 0x6800, plan: plan(false) });
    const error = await refused({ bootloader: 0x6800, plan: plan(true) });
    expect(error.code).toBe('BOOTLOADER_TOO_BIG');
    expect(error.message).toContain('0x8000 bytes with its signature');
  });
});

import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c2 } from '../../../builder/chip/esp32c2.ts';
import type { Compiled } from '../../../builder/compile/compiled.ts';
import { stampStage } from '../../../builder/stamp/stage.ts';
import { aContext, notesOf } from '../../support/contexts.ts';
import { makeApp, type FirmwareOptions } from '../../support/firmware.ts';
import { aPlan } from '../../support/plans.ts';

const compiled = (secureVersion: number, firmware: Partial<FirmwareOptions> = {}): Compiled => ({
  plan: aPlan({ secureVersion, version: '4.5.6', createdAt: '2024-06-12T01:02:03Z' }),
  chip: firmware.chip ?? esp32,
  app: makeApp({ chip: esp32, ...firmware }),
  source: { kind: 'prebuilt', file: 'f', sha256: '', container: 'app', idfVersion: 'v5' },
});

describe('stamping', () => {
  test('writes what the plan says and reads it back', async () => {
    const { context, events } = aContext();
    const { description, app } = await stampStage.run(context, compiled(0));
    expect(description).toMatchObject({
      version: '4.5.6',
      projectName: 'micropython',
      secureVersion: 0,
      date: 'Jun 12 2024',
      time: '01:02:03',
    });
    expect(app.subarray(48, 53).toString()).toBe('4.5.6');
    expect(notesOf(events)).toEqual([]);
  });

  test('says that a secure_version burns an eFuse before it does', async () => {
    const { context, events } = aContext();
    await stampStage.run(context, compiled(3));
    expect(notesOf(events)).toHaveLength(1);
    expect(notesOf(events)[0]).toMatch(/secure_version 3: .*burns 3 eFuse bit/);
  });

  test.each<[string, Partial<FirmwareOptions>, number]>([
    ['the only size of an ESP32', { chip: esp32, flashSizeCode: 1 }, 0x10000],
    ['what its description says', { chip: esp32c2, mmuPageSizeLog2: 14 }, 0x4000],
    ['the default for 4 MiB', { chip: esp32c2, flashSizeCode: 2 }, 0x10000],
    ['the default for 2 MiB', { chip: esp32c2, flashSizeCode: 1 }, 0x8000],
    ['the default for 1 MiB', { chip: esp32c2, flashSizeCode: 0 }, 0x4000],
  ])('pads to pages of the app: %s', async (_, firmware, pageSize) => {
    const stamped = await stampStage.run(aContext().context, compiled(0, firmware));
    expect(stamped.pageSize).toBe(pageSize);
  });

  test('leaves an app that says all of it already as it is, to the byte, and says so', async () => {
    const first = await stampStage.run(aContext().context, compiled(3));
    const later = {
      ...first,
      plan: { ...first.plan, createdAt: '2025-01-01T00:00:00Z' },
    };
    const { context, events } = aContext();
    const again = await stampStage.run(context, later);
    expect(again.app).toBe(first.app);
    expect(again.description.time).toBe('01:02:03');
    expect(notesOf(events)[0]).toContain('not a byte of it was changed');
  });

  test('says that the ELF file of a build keeps its own description', async () => {
    const { context, events } = aContext();
    const elf = { role: 'elf', path: 'x.elf', size: 1, sha256: '' } as const;
    await stampStage.run(context, { ...compiled(0), sourceFiles: [elf] });
    expect(notesOf(events)).toHaveLength(1);
    expect(notesOf(events)[0]).toContain('the ELF file keeps the description it was linked with');
  });
});

import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../../builder/chip/esp32.ts';
import { renderFlashMap } from '../../../../builder/cli/render/flash-map.ts';
import { flashMap } from '../../../../builder/partition/flash-map.ts';
import { anOutput } from '../../../support/output.ts';
import { aPartition, OTA_TABLE } from '../../../support/plans.ts';

const mapWith = (used: number, table = OTA_TABLE) =>
  flashMap({
    chip: esp32,
    bootloader: { offset: 0x1000, size: 0x5a20 },
    tableOffset: 0x8000,
    partitions: table,
    flashSize: 0x800000,
    usage: new Map([['ota_0', used]]),
    notes: new Map([['nvs', 'erased']]),
  });

const SIGNED = 0x1a1000;

describe('renderFlashMap', () => {
  test('shows offsets, ends, sizes, names, types, and how full a slot is', () => {
    expect(renderFlashMap(mapWith(SIGNED), anOutput()).split('\n')).toEqual([
      'offset    end           size            name             type       used',
      '0x000000  0x001000     4 KiB  0x1000    reserved',
      '0x001000  0x008000    28 KiB  0x7000    bootloader                  ▇▇▇▇▇▇▇▇▇▇░░  80 %',
      '0x008000  0x009000     4 KiB  0x1000    partition table',
      '0x009000  0x00d000    16 KiB  0x4000    nvs              data/nvs   erased',
      '0x00d000  0x00f000     8 KiB  0x2000    otadata          data/ota',
      '0x00f000  0x010000     4 KiB  0x1000    phy_init         data/phy',
      '0x010000  0x1d0000  1.75 MiB  0x1c0000  ota_0            app/ota_0  ▇▇▇▇▇▇▇▇▇▇▇░  93 %',
      '0x1d0000  0x390000  1.75 MiB  0x1c0000  ota_1            app/ota_1',
      '0x390000  0x400000   448 KiB  0x70000   vfs              data/fat',
      '0x400000  0x800000     4 MiB  0x400000  free',
    ]);
  });

  test.each([120, 100, 80, 60])('fits a terminal that is %d wide', (width) => {
    const lines = renderFlashMap(mapWith(SIGNED), anOutput({ width })).split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    expect(lines.find((line) => line.includes('ota_0'))).toMatch(/1\.75 MiB.*▇.* 93 %/);
  });

  test('leaves out the end first, and then the size in hex', () => {
    const [at100 = '', at80 = '', at60 = ''] = [100, 80, 60].map((width) =>
      renderFlashMap(mapWith(SIGNED), anOutput({ width })),
    );
    expect(at100).toMatch(/end .*\n[^]*0x1c0000/);
    expect(at80).not.toContain('end ');
    expect(at80).toContain('0x1c0000');
    expect(at60).not.toContain('0x1c0000');
  });

  test.each([
    [0, '░░░░░░░░░░░░   0 %'],
    [1, '▇░░░░░░░░░░░   1 %'],
    [0xe0000, '▇▇▇▇▇▇░░░░░░  50 %'],
    [0x1bffff, '▇▇▇▇▇▇▇▇▇▇▇▇  99 %'],
    [0x1c0000, '▇▇▇▇▇▇▇▇▇▇▇▇ 100 %'],
    [0x1c0001, '▇▇▇▇▇▇▇▇▇▇▇▇ 101 %'],
    [0x380000, '▇▇▇▇▇▇▇▇▇▇▇▇ 200 %'],
  ])('shows %d bytes of 0x1c0000 as %s', (used, bar) => {
    const lines = renderFlashMap(mapWith(used), anOutput()).split('\n');
    expect(lines.find((line) => line.includes('ota_0'))).toMatch(new RegExp(`${bar}$`));
  });

  test('says the same in colour', () => {
    const map = mapWith(SIGNED);
    const coloured = renderFlashMap(map, anOutput({ colour: true }));
    expect(coloured).toContain('\u001b[32m▇');
    const bare = stripVTControlCharacters(coloured).split('\n');
    expect(bare.map((line) => line.trimEnd()).join('\n')).toBe(renderFlashMap(map, anOutput()));
  });

  test('warns by colour of a slot that is nearly full, and of one that is too small', () => {
    const colourOf = (used: number): string | undefined =>
      // eslint-disable-next-line no-control-regex
      /\u001b\[(\d+)m▇{12}/.exec(renderFlashMap(mapWith(used), anOutput({ colour: true })))?.[1];
    expect(colourOf(0x1b8000)).toBe('33');
    expect(colourOf(0x1c0001)).toBe('31');
  });

  test('shows flags with the type, and names without the escape sequences in them', () => {
    const odd = aPartition({ name: '\u001b[31mred', encrypted: true, readonly: true });
    const map = renderFlashMap(mapWith(0, [odd]), anOutput());
    expect(map).toContain('\\x1b[31mred');
    expect(map).toContain('data/nvs, encrypted, readonly');
  });

  test('makes offsets as wide as the largest needs', () => {
    const far = aPartition({ offset: 0x1000000, size: 0x1000 });
    const map = renderFlashMap(mapWith(0, [far]), anOutput());
    expect(map).toContain('0x1000000  0x1001000');
    expect(map).toContain('0x0008000  0x0009000');
  });

  test('has no bar for a slot of no size', () => {
    const empty = aPartition({ name: 'ota_0', type: 0, subtype: 0x10, offset: 0x10000, size: 0 });
    const lines = renderFlashMap(mapWith(5, [empty]), anOutput()).split('\n');
    expect(lines.find((line) => line.includes('ota_0'))).not.toContain('%');
  });
});

import picocolors from 'picocolors';
import { expect, test } from 'vitest';
import { renderTable } from '../../../../builder/cli/render/table.ts';

const plain = picocolors.createColors(false);
const coloured = picocolors.createColors(true);
const COLUMNS = [{ title: 'name' }, { title: 'size', align: 'right' }] as const;

test('columns are aligned under their titles, without borders or spaces at the ends of lines', () => {
  const rows = [
    ['nvs', '16 KiB'],
    ['partition', '4 KiB'],
  ];
  expect(renderTable(COLUMNS, rows, plain)).toBe(
    ['name         size', 'nvs        16 KiB', 'partition   4 KiB'].join('\n'),
  );
});

test('a last cell that is empty leaves no spaces behind', () => {
  expect(renderTable([{ title: 'a' }, { title: '' }], [['x', '']], plain)).toBe('a\nx');
});

test('titles are dimmed, and colours in cells do not move their neighbours', () => {
  const table = renderTable(COLUMNS, [[coloured.red('nvs'), '1 B']], coloured);
  const [title = '', row = ''] = table.split('\n');
  expect(title).toContain(coloured.dim('name'));
  expect(row.replace(coloured.red('nvs'), 'nvs')).toBe('nvs    1 B');
});

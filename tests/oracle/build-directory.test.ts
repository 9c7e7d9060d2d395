import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { BOARDS } from '../support/boards.ts';
import { makeBuildDirectory, makeElf } from '../support/build-directory.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';

const esptool = oracleTool('esptool');
const unzip = oracleTool('unzip');
const VERSION = '1.2.3';

let work: Workspace;

/**
 * Builds of every board as ESP-IDF would have made them: their app is what esptool's own elf2image makes of the ELF file,
 * with its SHA-256 at 0xb0, and padded for Secure Boot as builds for it are.
 */
beforeAll(async () => {
  work = await createWorkspace();
  if (isMissing(esptool)) return;
  for (const { board, chip } of BOARDS) {
    await work.write(`${board}.elf`, makeElf({ chip, debugSize: 10_000 }));
    const { code, output } = await runTool(
      esptool,
      [
        ...['--chip', chip.name, 'elf2image', '--elf-sha256-offset', '0xb0', '--secure-pad-v2'],
        ...['--flash-mode', 'dio', '--flash-size', '4MB', '-o', `${board}.app`, `${board}.elf`],
      ],
      work.directory,
    );
    expect({ board, code }, output).toEqual({ board, code: 0 });
    const app = await work.read(`${board}.app`);
    const options = { chip, debugSize: 10_000 };
    await makeBuildDirectory(work.path(board), options, { 'micropython.bin': app });
    const built = await work.runHere([
      ...[
        '--board',
        board,
        '--firmware',
        board,
        '--app-version',
        VERSION,
        '--project-name',
        'lamp',
      ],
    ]);
    expect({ board, code: built.code }, built.stderr).toEqual({ board, code: 0 });
  }
});

const release = (board: string): string => work.path('out', `${board}-${VERSION}`);

describe.skipIf(isMissing(esptool))(`releases of builds against esptool (${NEEDS_ORACLE})`, () => {
  test.concurrent.each(BOARDS)('image-info reads the app of $board', async ({ board, chip }) => {
    const stem = `${board}-${VERSION}`;
    const { code, output } = await runTool(
      esptool,
      ['image-info', `${stem}.app-bin`],
      release(board),
    );
    expect(code, output).toBe(0);
    expect(output).toContain(`Detected image type: ${chip.title}`);
    expect(output).toMatch(/Checksum: 0x[0-9a-f]{2} \(valid\)/);
    expect(output).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
    expect(output).toContain(`App version: ${VERSION}`);
    // The stamped app still names the ELF file beside it.
    const [digest = ''] = execFileSync('sha256sum', [`${stem}.elf`], {
      cwd: release(board),
      encoding: 'utf8',
    }).split(' ');
    expect(output).toContain(`ELF file SHA256: ${digest}`);
  });

  test.concurrent.each(BOARDS)('merge-bin @flash_args accepts $board', async ({ board, chip }) => {
    const args = [
      '--chip',
      chip.name,
      'merge-bin',
      '-o',
      work.path(`${board}.merged`),
      '@flash_args',
    ];
    const { code, output } = await runTool(esptool, args, release(board));
    expect(code, output).toBe(0);
  });
});

describe.skipIf(isMissing(esptool) || isMissing(unzip, 'unzip'))('the zip against unzip', () => {
  test('holds ELF, map and sdkconfig', async () => {
    const stem = `ESP32_GENERIC-${VERSION}`;
    const { code, output } = await runTool(unzip, ['-t', `${stem}.zip`], release('ESP32_GENERIC'));
    expect(code, output).toBe(0);
    for (const name of [`${stem}.elf`, `${stem}.map`, 'sdkconfig'])
      expect(output).toMatch(new RegExp(`testing: ${name}\\s+OK`));
  });
});

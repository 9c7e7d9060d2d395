import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';

const PACKAGE = join(import.meta.dirname, '..', '..', 'package.json');
const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
const VERBS = [
  ...[
    'build',
    'plan',
    'inspect',
    'verify',
    'publish',
    'fetch',
    'sign',
    'keys',
    'otadata',
    'doctor',
  ],
  ...['encrypt-flash-data', 'decrypt-flash-data'],
];
/** One of the commands below a verb. */
const SUBCOMMANDS: Readonly<Record<string, string>> = { keys: 'digest', otadata: 'trial' };

let work: Workspace;

beforeAll(async () => {
  work = await createWorkspace();
});

describe('help', () => {
  test('names every command, an example and the exit codes, and exits 0', async () => {
    const { code, stdout, stderr } = await work.run(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const verb of VERBS) expect(stdout).toMatch(new RegExp(`^ {2}${verb}\\b`, 'm'));
    expect(stdout).toContain('ota-build --board ESP32_GENERIC --sign --firmware');
    for (const exit of [
      '2 usage',
      '4 toolchain',
      '6 compiling',
      '9 verification',
      '10 publishing',
      '130',
    ])
      expect(stdout).toContain(exit);
  });

  test('explains a command', async () => {
    const { code, stdout } = await work.run(['help', 'build']);
    expect(code).toBe(0);
    const options = ['board', 'variant', 'profile', 'firmware', 'layout', 'app-version'];
    const more = ['secure-version', 'sign', 'key', 'out', 'force', 'dry-run'];
    for (const option of [...options, ...more]) expect(stdout).toContain(`--${option}`);
    expect((await work.runHere(['build', '--help'])).stdout).toBe(stdout);
  });

  test.each(['keys generate', 'keys rotate', 'keys trust add', 'verify', 'sign'])(
    'has under Output what is about output: %s',
    async (name) => {
      const { stdout } = await work.runHere([...name.split(' '), '--help']);
      const [, output = ''] = /^Output:\n((?: .*\n)+)/m.exec(stdout) ?? [];
      expect([...output.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, name]) => name)).toEqual([
        '--json',
        '--quiet',
        '--verbose',
      ]);
    },
  );

  test.each(VERBS)('has the options of every command last, in one order: %s', async (verb) => {
    const sub = SUBCOMMANDS[verb];
    const { stdout } = await work.runHere([verb, ...(sub === undefined ? [] : [sub]), '--help']);
    const headings = [...stdout.matchAll(/^([A-Z][^,\n]*):$/gm)].map(([, heading]) => heading);
    expect(headings.slice(-2)).toEqual(['Output', 'Options']);
  });

  test.each(VERBS)('takes --json, --quiet and --verbose: %s', async (verb) => {
    const sub = SUBCOMMANDS[verb];
    const args = sub === undefined ? [verb, '--help'] : [verb, sub, '--help'];
    const { code, stdout } = await work.runHere(args);
    expect(code).toBe(0);
    for (const option of ['--json', '--quiet', '--verbose']) expect(stdout).toContain(option);
  });

  test.each(['--version', '-V'])('%s prints the version of the package', async (flag) => {
    expect(await work.run([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('a call that makes no sense', () => {
  const CALLS: readonly { readonly args: readonly string[]; readonly says: RegExp }[] = [
    { args: ['bild'], says: /bild/ },
    { args: ['--bord', 'ESP32_GENERIC'], says: /unknown option '--bord'/ },
    { args: ['verify'], says: /missing required argument 'path'/ },
    { args: ['verify', 'a', 'b'], says: /too many arguments/ },
    {
      args: ['keys', 'list'],
      says: /no command 'keys list'\nhint: Commands: keys generate, keys public/,
    },
    { args: ['keys', 'trust', 'list'], says: /Commands: keys trust show, keys trust add/ },
    { args: ['trust', 'show'], says: /no command 'trust'\nhint: There is: ota-build keys trust$/m },
    { args: ['revoke'], says: /hint: There is: ota-build keys trust revoke$/m },
    { args: ['keys', 'trial'], says: /hint: There is: ota-build otadata trial$/m },
    { args: ['--flash-size', '5MB'], says: /'5MB' is invalid\. Allowed choices are keep, 1MB/ },
    { args: ['--board'], says: /option '--board <name>' argument missing/ },
  ];

  test.each(CALLS)('is refused with exit code 2: $args', async ({ args, says }) => {
    await expectRefusal(work, args, { code: 2, says }, { here: true });
  });

  test('exits 2 as a process too, and suggests what was meant', async () => {
    const { stderr } = await expectRefusal(work, ['--bord', 'X'], { code: 2, says: /--bord/ });
    expect(stderr).toContain('--board');
  });

  test('gives --json an object as well', async () => {
    const { code, stdout } = await work.runHere(['verify', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'USAGE', exit: 2 } });
  });
});

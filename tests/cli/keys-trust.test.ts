import { readdir, rm, stat } from 'node:fs/promises';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { esp32c6 } from '../../builder/chip/esp32c6.ts';
import { DEVELOPMENT_MARK } from '../../builder/keys/private-key.ts';
import type { CliResult, Workspace } from '../support/cli.ts';
import { makeApp } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { createSigningWorkspace } from '../support/signed-builds.ts';

const FILE = 'keys/trust.yaml';
const today = (): string => new Date().toISOString().slice(0, 10);

let work: Workspace;
const digests: Record<string, string> = {};

beforeAll(async () => {
  work = await createSigningWorkspace([], ['ecdsa256']);
  for (const name of ['first', 'second', 'third']) {
    const { stdout } = await work.runHere(['keys', 'digest', `ecdsa256-${name}.pub.pem`]);
    digests[name] = stdout.trim();
  }
});

const trust = (...args: readonly string[]): Promise<CliResult> =>
  work.runHere(['keys', 'trust', ...args]);
const pub = (name: string): string => `ecdsa256-${name}.pub.pem`;
const text = async (): Promise<string> => (await work.read(FILE)).toString();

async function done(...args: readonly string[]): Promise<CliResult> {
  const result = await trust(...args);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

/** Refused, and the file is what it was. */
async function refuse(args: readonly string[], says: RegExp, code = 2): Promise<void> {
  const before = await text();
  await expectRefusal(work, ['keys', 'trust', ...args], { code, says }, { here: true });
  expect(await text()).toBe(before);
}

const listed = (...entries: readonly string[]): Promise<void> =>
  work.write(FILE, `schema: 2\nkeys:\n${entries.map((entry) => `  - {${entry}}`).join('\n')}\n`);
const entry = (name: string, rest = ''): string =>
  `digest: ${digests[name] ?? ''}, roles: [image, manifest]${rest}`;

describe('keys trust add', () => {
  test('makes the file where there is none, and verify obeys it', async () => {
    const project = await createSigningWorkspace([], ['ecdsa256']);
    const add = ['keys', 'trust', 'add', pub('first'), '--comment', 'release key of 2026'];
    const { code, stdout } = await project.runHere(add);
    expect(code).toBe(0);
    expect(stdout).toMatch(/[0-9a-f]{64} {2}image, manifest {2}yes {5}release key of 2026/);
    await project.write('app.bin', makeApp({ chip: esp32c6 }));
    for (const [name, exit] of [
      ['first', 0],
      ['second', 9],
    ] as const) {
      const out = `${name}.bin`;
      await project.runHere(['sign', 'app.bin', '--key', `ecdsa256-${name}.pem`, '--out', out]);
      const verified = await project.runHere(['verify', out]);
      expect(verified.code, verified.stdout).toBe(exit);
    }
    expect(await readdir(project.path('keys'))).toEqual(['trust.yaml']);
    expect((await stat(project.path(FILE))).mode & 0o777).toBe(0o644);
  });

  test('takes several keys, by file or digest, for a role and from a day on', async () => {
    await listed(entry('first'));
    const args = ['add', pub('second'), digests['third']?.toUpperCase() ?? ''];
    const { stdout } = await done(...args, '--role', 'image', '--from', '2099-01-01', '--json');
    const { keys } = JSON.parse(stdout) as { keys: unknown[] };
    expect(keys).toEqual(
      ['second', 'third'].map((name) => ({
        ...{ digest: digests[name], roles: ['image'], from: '2099-01-01', counts: [] },
      })),
    );
    await done('add', pub('second'), '--role', 'manifest');
    expect((await text()).match(/digest:/g)).toHaveLength(4);
    const shown = await done('show');
    expect(shown.stdout).toMatch(/image {12}not yet: from 2099-01-01/);
  });

  test('makes a file of several keys, each with what it counts for', async () => {
    await rm(work.path(FILE), { force: true });
    await done('add', pub('first'), pub('second'));
    const shown = await done('show', '--json');
    const { keys } = JSON.parse(shown.stdout) as { keys: { roles: string[] }[] };
    expect(keys.map(({ roles }) => roles)).toEqual([
      ['image', 'manifest'],
      ['image', 'manifest'],
    ]);
    expect(await text()).not.toMatch(/[&*]/);
  });

  test('warns of a development key', async () => {
    await listed(entry('first'));
    const pem = (await work.read(pub('third'))).toString();
    await work.write('dev.pub.pem', `${DEVELOPMENT_MARK}\n${pem}`);
    const { stderr } = await done('add', 'dev.pub.pem');
    expect(stderr).toMatch(/^warning: dev\.pub\.pem is a development key/);
  });

  test('refuses a key that is listed, and one that was revoked', async () => {
    await listed(entry('first'), entry('second', ', revoked: 2026-05-20, why: stolen'));
    await refuse(['add', pub('first')], /is listed for image and manifest already/);
    await refuse(['add', pub('first'), '--role', 'image'], /is listed for image and manifest/);
    await refuse(['add', pub('third'), pub('third')], /is listed for image and manifest already/);
    await refuse(['add', pub('second')], /was revoked on 2026-05-20: stolen\nhint: .* come back/);
    await refuse(['add', pub('third'), '--from', '2026-02-30'], /expected a day/);
    await refuse(['add', pub('third'), '--role', 'boot'], /Allowed choices are image, manifest/);
    await refuse(['add', 'none.pem'], /none\.pem does not exist/);
    await refuse(['add', FILE], /is not a key in PEM|no private key/, 8);
  });
});

describe('keys trust revoke', () => {
  test('says since when and why, and verify quotes it', async () => {
    await listed(entry('first', ', comment: of 2026'), entry('second'));
    await work.write('app.bin', makeApp({ chip: esp32c6 }));
    const sign = ['sign', 'app.bin', '--key', 'ecdsa256-first.pem', '--out', 'signed.bin'];
    expect((await work.runHere(sign)).code).toBe(0);
    expect((await work.runHere(['verify', 'signed.bin'])).code).toBe(0);
    const { stdout } = await done('revoke', pub('first'), '--why', 'the laptop: stolen # twice');
    expect(stdout).toContain(`no: revoked on ${today()}, the laptop: stolen # twice  of 2026`);
    const verified = await work.runHere(['verify', 'signed.bin']);
    expect(verified.code).toBe(9);
    expect(verified.stdout).toContain(
      `(of 2026) was revoked on ${today()}: the laptop: stolen # twice`,
    );
  });

  test('revokes every entry of a key, from a later day on too', async () => {
    const first = `digest: ${digests['first'] ?? ''}`;
    await listed(`${first}, roles: [image]`, `${first}, roles: [manifest]`, entry('second'));
    const args = ['revoke', digests['first'] ?? '', '--why', 'rotated', '--on', '2099-01-01'];
    await done(...args);
    expect((await text()).match(/revoked: 2099-01-01, why: rotated/g)).toHaveLength(2);
    const { stdout } = await done('show');
    expect(stdout.match(/yes until 2099-01-01, rotated/g)).toHaveLength(2);
  });

  test('refuses the last key of a role unless it is told, also when the others begin later or end', async () => {
    const last = ['revoke', pub('first'), '--why', 'x'];
    await listed(entry('first'));
    await refuse(last, /no other key counts for images on .*\nhint: Add the next key first/);
    await listed(entry('first'), `digest: ${digests['second'] ?? ''}, roles: [image]`);
    await refuse(last, /no other key counts for release manifests on/);
    await listed(entry('first'), entry('second', ', from: 2099-01-01'));
    await refuse(last, /no other key counts for images/);
    await done(...last, '--on', '2099-01-01');
    await listed(entry('first'), entry('second', ', revoked: 2098-01-01, why: rotated'));
    await refuse([...last, '--on', '2099-01-01'], /no other key counts for images on 2099-01-01/);
    await done(...last, '--last');
  });

  test('refuses a key that is not listed or is revoked already, and to go without a reason', async () => {
    await listed(entry('first'), entry('second', ', revoked: 2026-05-20, why: stolen'));
    await refuse(
      ['revoke', pub('third'), '--why', 'x'],
      /trust\.yaml does not list key [0-9a-f]{64}/,
    );
    await refuse(['revoke', pub('second'), '--why', 'x'], /revoked already, on 2026-05-20: stolen/);
    await refuse(['revoke', pub('first')], /required option '--why <text>'/);
    await refuse(['revoke', pub('first'), '--why', ''], /expected a reason/);
  });
});

describe('a trust file', () => {
  const OLD = () => `# top
schema: 1 # the older form
keys:
  # the first
  - digest: ${digests['first'] ?? ''} # a
    comment: "one"

  - { digest: ${digests['second'] ?? ''}, comment: b }

# end
`;

  beforeEach(() => work.write(FILE, OLD()));

  test('of version 1 becomes one of version 2, with every comment', async () => {
    await done('revoke', pub('second'), '--why', 'gone');
    expect(await text()).toBe(`# top
schema: 2 # the older form
keys:
  # the first
  - digest: ${digests['first'] ?? ''} # a
    comment: "one"
    roles: [image, manifest]

  - {digest: ${digests['second'] ?? ''}, comment: b, roles: [image, manifest], revoked: ${today()}, why: gone}

# end
`);
  });

  test('is shown as it is, and not touched', async () => {
    const { stdout } = await done('show', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      keys: [{ comment: 'one', counts: ['image', 'manifest'] }, { comment: 'b' }],
    });
    expect(await text()).toBe(OLD());
  });

  test('that is wrong, of PEM or not there is refused', async () => {
    const add = ['add', pub('third')];
    await work.write(FILE, OLD().replace('keys:', 'kyes:'));
    await refuse(add, /trust\.yaml:3:1: kyes: unknown key/, 9);
    await refuse(['show'], /trust\.yaml:3:1: kyes/, 9);
    await work.write(FILE, await work.read(pub('first')));
    await refuse(add, /holds keys in PEM/);
    await refuse(
      ['show', '--file', 'none.yaml'],
      /none\.yaml does not exist.*\nhint: Make it with/,
    );
  });
});

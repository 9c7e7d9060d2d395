import { execFileSync } from 'node:child_process';
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Workspace } from '../support/cli.ts';
import { expectRefusal, expectSentence } from '../support/leaves-nothing.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import {
  aPublisher,
  BOARD,
  build,
  problemsOf,
  readPublished,
  withoutPages,
} from '../support/published-tree.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { IS_ROOT } from '../support/temp-directory.ts';

const SIGNED = ['--key', 'key.pem', '--scheme', 'ecdsa256'];
const OURS = ['--key', 'key.pem', '--trust', 'key.pub.pem'];

let work: Workspace;
let targets = 0;

beforeAll(async () => {
  work = await aPublisher();
  await work.write('other.pem', privatePem(aPrivateKey('ecdsa256', 'other')), 0o600);
  await work.write('other.pub.pem', publicPem(aPrivateKey('ecdsa256', 'other')));
  await build(work, '1.2.3', [...SIGNED, '--secure-version', '2']);
  await build(work, '1.2.4', [...SIGNED, '--secure-version', '2']);
  await build(work, '1.3.0-beta.2');
});

const release = (version: string): string => `out/${BOARD}-${version}`;
const publish = (versions: readonly string[], ...args: readonly string[]) => [
  'publish',
  ...versions.map(release),
  ...args,
];

/** A target that nobody used, with these versions published to it. */
async function aTarget(...versions: readonly string[]): Promise<string> {
  const target = `tree-${targets++}`;
  for (const version of versions) {
    const { code, stderr } = await work.runHere(
      publish([version], '--to', `dir:${target}`, ...OURS),
    );
    expect(code, stderr).toBe(0);
  }
  return target;
}

const placeOf = (target: string): string => work.path(target, BOARD);

describe('publish --to dir:', () => {
  test('puts a release into its directory, byte for byte, with a signed index of it', async () => {
    const target = await aTarget();
    const { code, stdout, stderr } = await work.run(
      publish(['1.2.3'], '--to', `dir:${target}`, ...OURS),
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(join(target, BOARD, '1.2.3'));
    const place = placeOf(target);
    expect(await withoutPages(place)).toEqual(['1.2.3', 'index.json', 'index.json.sig']);
    const names = await readdir(work.path(release('1.2.3')));
    expect((await readdir(join(place, '1.2.3'))).sort()).toEqual(names.sort());
    for (const name of names)
      expect(await readFile(join(place, '1.2.3', name))).toEqual(
        await work.read(release('1.2.3'), name),
      );
    const index = await readPublished(place);
    expect(index).toMatchObject({
      board: BOARD,
      chip: 'esp32c6',
      sequence: 1,
      channels: { stable: '1.2.3' },
      versions: [
        { version: '1.2.3', secureVersion: 2, sourceKind: 'prebuilt', development: false },
      ],
    });
    expect(await problemsOf(place)).toEqual([]);
    expect((await work.runHere(['verify', join(place, '1.2.3')])).code).toBe(0);
  });

  test('adds versions to channels that they name themselves, newest first', async () => {
    const target = await aTarget('1.2.3', '1.2.4', '1.3.0-beta.2');
    const { channels, versions, sequence } = await readPublished(placeOf(target));
    expect({ channels, sequence }).toEqual({
      channels: { beta: '1.3.0-beta.2', stable: '1.2.4' },
      sequence: 3,
    });
    expect(versions.map(({ version }) => version)).toEqual(['1.3.0-beta.2', '1.2.4', '1.2.3']);
  });

  test('publishes several releases in one run, the older one first, and says so as JSON', async () => {
    const target = await aTarget();
    const { code, stdout, stderr } = await work.runHere(
      publish(['1.2.4', '1.2.3'], '--to', `dir:${target}`, ...OURS, '--json'),
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      dryRun: false,
      releases: [{ version: '1.2.3', channel: 'stable' }, { version: '1.2.4' }],
      targets: [{ releases: [{ stem: `${BOARD}-1.2.3`, already: false }, {}] }],
    });
    expect((await readPublished(placeOf(target))).channels).toEqual({ stable: '1.2.4' });
  });

  test('publishes to every target that is named', async () => {
    const [first, second] = [await aTarget(), await aTarget()];
    const to = ['--to', `dir:${first}`, '--to', `dir:${second}`];
    expect((await work.runHere(publish(['1.2.3'], ...to, ...OURS))).code).toBe(0);
    for (const target of [first, second])
      expect((await readPublished(placeOf(target))).sequence).toBe(1);
  });

  test.each(['', '/public', '/some/where/public'])(
    'does not publish into a release%s, which would not hold any more',
    async (below) => {
      const to = `dir:${release('1.2.4')}${below}`;
      await expectRefusal(
        work,
        publish(['1.2.3'], '--to', to, ...OURS),
        { code: 10, says: /1\.2\.4 is a release, which never changes/ },
        { here: true },
      );
    },
  );

  test('goes on although the version of another channel has gone', async () => {
    const target = await aTarget('1.3.0-beta.2');
    await rm(join(placeOf(target), '1.3.0-beta.2'), { recursive: true });
    const args = publish(['1.2.3'], '--to', `dir:${target}`, ...OURS);
    const { code, stderr } = await work.runHere(args);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('lists version 1.3.0-beta.2, which is not there');
    expect(await readFile(join(placeOf(target), 'stable.json'), 'utf8')).toContain('1.2.3/');
  });

  test('replaces what was put in the place of its page and never ends', async () => {
    const target = await aTarget('1.2.3');
    const page = join(placeOf(target), 'index.html');
    for (const isPipe of [false, true]) {
      await rm(page);
      if (isPipe) execFileSync('sh', ['-c', 'mkfifo "$0"', page]);
      else await symlink('/dev/zero', page);
      const args = publish(['1.2.3'], '--to', `dir:${target}`, ...OURS);
      const { code, stderr } = await work.runHere(args);
      expect(code, stderr).toBe(0);
      expect(await readFile(page, 'utf8')).toContain('1.2.3');
    }
  });

  test('changes nothing when the same bytes come again, and refuses other bytes', async () => {
    const target = await aTarget('1.2.3', '1.2.4');
    const before = await work.listing();
    const again = await work.runHere(
      publish(['1.2.3'], '--to', `dir:${target}`, ...OURS, '--json'),
    );
    expect(JSON.parse(again.stdout)).toMatchObject({
      targets: [{ releases: [{ already: true }] }],
    });
    expect(await work.listing()).toEqual(before);

    await build(work, '1.2.3', [...SIGNED, '--secure-version', '2', '--out', 'rebuilt']);
    await expectRefusal(
      work,
      ['publish', `rebuilt/${BOARD}-1.2.3`, '--to', `dir:${target}`, ...OURS],
      { code: 10, says: /1\.2\.3 is there already, with another .*never changes/ },
      { here: true },
    );
  });

  test('promotes a version to another channel', async () => {
    const target = await aTarget('1.3.0-beta.2');
    const args = publish(['1.3.0-beta.2'], '--to', `dir:${target}`, ...OURS, '--channel', 'stable');
    expect((await work.runHere(args)).code).toBe(0);
    const { channels, sequence } = await readPublished(placeOf(target));
    expect({ channels, sequence }).toEqual({
      channels: { beta: '1.3.0-beta.2', stable: '1.3.0-beta.2' },
      sequence: 2,
    });
  });

  test('gives a channel back the version before only on purpose', async () => {
    const target = await aTarget('1.2.3', '1.2.4');
    const args = publish(['1.2.3'], '--to', `dir:${target}`, ...OURS);
    expect((await work.runHere(args)).code).toBe(0);
    expect((await readPublished(placeOf(target))).channels).toEqual({ stable: '1.2.4' });
    expect((await work.runHere([...args, '--allow-not-newer'])).code).toBe(0);
    expect((await readPublished(placeOf(target))).channels).toEqual({ stable: '1.2.3' });
  });

  test('can be read by a web server whatever the umask is', async () => {
    const target = `${await aTarget()}/deep`;
    const { code, stderr } = await work.run(publish(['1.2.3'], '--to', `dir:${target}`, ...OURS), {
      prefix: ['sh', '-c', 'umask 077; exec "$0" "$@"'],
    });
    expect(code, stderr).toBe(0);
    const place = placeOf(target);
    for (const path of [join(place, '..', '..'), join(place, '..'), place, join(place, '1.2.3')])
      expect((await stat(path)).mode & 0o777).toBe(0o755);
    for (const file of ['index.json', 'index.json.sig', '1.2.3/manifest.json'])
      expect((await stat(join(place, file))).mode & 0o777).toBe(0o644);
  });

  test('with --dry-run it changes nothing, not even to make the directory', async () => {
    const before = await work.listing();
    const { code, stdout } = await work.runHere(
      publish(['1.2.3'], '--to', 'dir:not/there', ...OURS, '--dry-run'),
    );
    expect(code).toBe(0);
    expect(stdout).toContain('Dry run');
    expect(await work.listing()).toEqual(before);
  });

  test('without a directory a dry run is about the target, and anything else is a mistake', async () => {
    const before = await work.listing();
    const asked = await work.runHere(['publish', '--to', 'dir:not/there', '--dry-run']);
    expect(asked).toMatchObject({
      code: 0,
      stdout: 'Dry run: every target can be published to.\n',
    });
    expect(await work.listing()).toEqual(before);
    await work.write('file', Buffer.from('no directory'));
    expectSentence(await work.runHere(['publish', '--to', 'dir:file', '--dry-run']), {
      code: 10,
      says: /file/,
    });
    expectSentence(await work.runHere(['publish', '--to', 'dir:not/there', ...OURS]), {
      code: 2,
      says: /no release directory was named/,
    });
  });

  test('says loudly when nobody was named whose signatures count', async () => {
    const target = await aTarget();
    const args = publish(['1.2.3'], '--to', `dir:${target}`, '--key', 'key.pem', '--quiet');
    const { code, stderr } = await work.runHere(args);
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: no trust file was given/);
  });
});

describe('a gate', () => {
  test('refuses with all others at once, names their flags, and publishes when all are given', async () => {
    const target = await aTarget('1.2.4');
    await build(work, '1.2.0-9-g123-dirty', []);
    const args = publish(['1.2.0-9-g123-dirty'], '--to', `dir:${target}`, '--channel', 'stable');
    const { stderr } = await expectRefusal(
      work,
      args,
      { code: 10, says: /is not to be published/ },
      { here: true },
    );
    const flags = ['unsigned', 'secure-version', 'not-newer', 'dirty'].map(
      (gate) => `--allow-${gate}`,
    );
    for (const flag of flags) expect(stderr).toContain(flag);
    expect(stderr).toContain(`hint: Mend it, or say that you mean it: ${flags.join(' ')}`);
    const allowed = await work.runHere([...args, ...flags]);
    expect(allowed.code, allowed.stderr).toBe(0);
    expect(allowed.stderr.match(/^warning: .* was given$/gm)?.length).toBeGreaterThan(4);
  });

  test('stops a release that does not pass verification, with exit code 9', async () => {
    await cp(work.path(release('1.2.4')), work.path('torn'), { recursive: true });
    await writeFile(work.path('torn', 'otadata.bin'), Buffer.alloc(16));
    const target = await aTarget();
    const { stderr } = await expectRefusal(
      work,
      ['publish', 'torn', '--to', `dir:${target}`, ...OURS],
      { code: 9, says: /does not pass/ },
      { here: true },
    );
    expect(stderr).toContain('otadata.bin');
    expect(stderr).toContain('--allow-unverified');
    const meant = ['publish', 'torn', '--to', `dir:${target}`, ...OURS, '--allow-unverified'];
    const allowed = await work.runHere(meant);
    expect(allowed.stderr).toMatch(
      /^warning: .* \(otadata\.bin: .*\); --allow-unverified was given$/m,
    );
    expect(allowed.stderr).not.toContain('\\x0a');
  });

  test('stops a release by a key that is not trusted', async () => {
    const target = await aTarget();
    const args = publish(['1.2.4'], '--to', `dir:${target}`, '--key', 'other.pem');
    await expectRefusal(
      work,
      [...args, '--trust', 'other.pub.pem'],
      { code: 9, says: /trusted key/ },
      { here: true },
    );
  });

  test('stops an index signed by a key that is not trusted', async () => {
    const target = await aTarget();
    const args = publish(['1.2.4'], '--to', `dir:${target}`, '--key', 'other.pem');
    await expectRefusal(
      work,
      [...args, '--trust', 'key.pub.pem'],
      { code: 9, says: /index signed by other\.pem .* does not trust for manifests/ },
      { here: true },
    );
  });

  test('stops development keys, of the release and of the index', async () => {
    const target = await aTarget();
    await build(work, '1.2.9', ['--key', 'dev', '--scheme', 'ecdsa256']);
    const args = publish(['1.2.9'], '--to', `dir:${target}`, '--key', 'dev');
    const { stderr } = await work.runHere(args);
    expect(stderr).toMatch(/signed with a development key, which is for trying out/);
    expect(stderr).toMatch(/index signed with a development key/);
    expect(stderr).toContain('hint: Mend it, or say that you mean it: --allow-development\n');
    expect((await work.runHere([...args, '--allow-development'])).code).toBe(0);
    const index = JSON.parse((await work.read(target, BOARD, 'index.json')).toString()) as unknown;
    expect(index).toMatchObject({ versions: [{ development: true }] });
  });

  test.each(['--drill', '--allow-drill'])('lets the drill out with %s only', async (flag) => {
    const version = `9.0.0${flag}`;
    const drill = ['--board', BOARD, '--firmware', 'drill', '--app-version', version, '--quiet'];
    expect((await work.runHere([...drill, ...SIGNED])).code).toBe(0);
    const target = await aTarget();
    const args = publish([version], '--to', `dir:${target}`, ...OURS);
    await expectRefusal(work, args, { code: 10, says: /rollback drill/ }, { here: true });
    expect((await work.runHere([...args, flag])).code).toBe(0);
    expect((await readPublished(placeOf(target))).channels).toEqual({ drill: version });
  });

  test('wants a channel for a version that semver cannot read, and the gate open', async () => {
    await build(work, 'nightly');
    const args = publish(['nightly'], '--to', `dir:${await aTarget()}`, ...OURS);
    await expectRefusal(work, args, { code: 2, says: /--channel/ }, { here: true });
    const named = [...args, '--channel', 'nightly'];
    await expectRefusal(work, named, { code: 10, says: /semver cannot/ }, { here: true });
    for (const channel of ['Nightly', '../x', 'index', 'esp-web-tools-stable'])
      await expectRefusal(
        work,
        [...args, '--channel', channel],
        { code: 2, says: /cannot be the name of a channel/ },
        { here: true },
      );
    expect((await work.runHere([...named, '--allow-not-newer'])).code).toBe(0);
  });
});

describe('an index that is there', () => {
  test('keeps its signature: without a key nothing is published, unless that is meant', async () => {
    const target = await aTarget('1.2.3');
    const args = publish(['1.2.4'], '--to', `dir:${target}`);
    await expectRefusal(work, args, { code: 10, says: /take the signature/ }, { here: true });
    expect((await work.runHere([...args, '--allow-unsigned'])).code).toBe(0);
    expect(await withoutPages(placeOf(target))).toEqual(['1.2.3', '1.2.4', 'index.json']);
  });

  const FORGERIES: readonly {
    readonly what: string;
    readonly forge: (place: string) => Promise<unknown>;
    readonly says: RegExp;
    readonly isFinal?: boolean;
  }[] = [
    {
      what: 'changed by one byte',
      forge: (place) => change(join(place, 'index.json'), (text) => text.replace('1.2.3', '6.6.6')),
      says: /channel stable has version 6\.6\.6/,
      isFinal: true,
    },
    {
      what: 'given another digest',
      forge: (place) =>
        change(join(place, 'index.json'), (text) =>
          text.replace(/"sha256": "[0-9a-f]{8}/, '"sha256": "00000000'),
        ),
      says: /no signature beside it holds/,
    },
    {
      what: 'without its signature',
      forge: (place) => rm(join(place, 'index.json.sig')),
      says: /nobody signed it/,
    },
    {
      what: 'whose signature is torn',
      forge: (place) => change(join(place, 'index.json.sig'), (text) => text.slice(0, 40)),
      says: /not the signature of an index/,
    },
    {
      what: 'torn itself',
      forge: (place) => change(join(place, 'index.json'), (text) => text.slice(0, 40)),
      says: /not an index of releases/,
      isFinal: true,
    },
  ];

  test.each(FORGERIES)('$what is not gone on with', async ({ forge, says, isFinal }) => {
    const target = await aTarget('1.2.3');
    await forge(placeOf(target));
    const args = publish(['1.2.4'], '--to', `dir:${target}`, ...OURS);
    await expectRefusal(work, args, { code: 10, says }, { here: true });
    const withoutTrust = args.filter((each) => !['--trust', 'key.pub.pem'].includes(each));
    await expectRefusal(work, withoutTrust, { code: 10, says }, { here: true });
    const { code } = await work.runHere([...args, '--allow-unverified']);
    expect(code).toBe(isFinal === true ? 10 : 0);
  });

  test('signed by somebody else is not signed again', async () => {
    const target = await aTarget();
    const theirs = publish(['1.2.3'], '--to', `dir:${target}`, '--key', 'other.pem');
    expect((await work.runHere(theirs)).code).toBe(0);
    const args = publish(['1.2.4'], '--to', `dir:${target}`, ...OURS);
    const says = /signed by [0-9a-f]{64}, which does not count/;
    await expectRefusal(work, args, { code: 10, says }, { here: true });
  });

  test('of another board is left alone', async () => {
    const target = await aTarget('1.2.3');
    const file = join(placeOf(target), 'index.json');
    await change(file, (text) => text.replace('"esp32c6"', '"esp32h2"'));
    const args = publish(['1.2.4'], '--to', `dir:${target}`, ...OURS, '--allow-unverified');
    await expectRefusal(work, args, { code: 10, says: /for esp32h2/ }, { here: true });
  });
});

async function change(file: string, edit: (text: string) => string): Promise<void> {
  await writeFile(file, edit(await readFile(file, 'utf8')));
}

describe('a target', () => {
  test.each(['somewhere', 'ftp://host/', 'dir:', 'Dir:x', 'github'])(
    'that is none is refused: %s',
    async (target) => {
      const args = publish(['1.2.3'], '--to', target, ...OURS);
      await expectRefusal(work, args, { code: 10, says: /is not a target/ }, { here: true });
    },
  );

  test('is judged with the other releases of the same run', async () => {
    const args = publish(['1.2.4', '1.3.0-beta.2'], '--to', `dir:${await aTarget()}`, ...OURS);
    const both = [...args, '--channel', 'stable'];
    await expectRefusal(work, both, { code: 10, says: /had 2 already/ }, { here: true });
  });

  test('has to be named', async () => {
    await expectRefusal(
      work,
      publish(['1.2.3']),
      { code: 2, says: /where to publish/ },
      { here: true },
    );
  });

  test('that is a file, or a link that leads nowhere, is refused', async () => {
    await work.write('file', 'x');
    await symlink('nowhere', work.path('link'));
    for (const target of ['file', 'file/below', 'link', 'link/below']) {
      const args = publish(['1.2.3'], '--to', `dir:${target}`, ...OURS);
      expectSentence(await work.runHere(args), { code: 10, says: /(file|link) is|ENOTDIR/ });
    }
    await rm(work.path('link'));
  });

  test('whose board is a link to elsewhere is refused', async () => {
    const target = await aTarget();
    await mkdir(work.path('elsewhere'));
    await mkdir(work.path(target));
    await symlink(work.path('elsewhere'), placeOf(target));
    const args = publish(['1.2.3'], '--to', `dir:${target}`, ...OURS);
    expectSentence(await work.runHere(args), { code: 10, says: /is a link/ });
    expect(await readdir(work.path('elsewhere'))).toEqual([]);
  });

  test.skipIf(IS_ROOT)('that is read-only is refused before anything else', async () => {
    await mkdir(work.path('read-only'));
    await chmod(work.path('read-only'), 0o555);
    const args = publish(['1.2.3'], '--to', 'dir:read-only/fw', ...OURS);
    await expectRefusal(work, args, { code: 10, says: /permission denied/ }, { here: true });
  });

  test('on a file system that is read-only is refused before anything else', async () => {
    const args = publish(['1.2.3'], '--to', 'dir:/proc/fw', ...OURS);
    const { code, stderr } = await work.runHere(args);
    expect(code, stderr).toBe(10);
  });

  test('has a directory of that version by another hand: it is not replaced', async () => {
    const target = await aTarget();
    await mkdir(join(placeOf(target), '1.2.3'), { recursive: true });
    await writeFile(join(placeOf(target), '1.2.3', 'evil.bin'), 'x');
    const args = publish(['1.2.3'], '--to', `dir:${target}`, ...OURS);
    expectSentence(await work.runHere(args), { code: 10, says: /never changes/ });
    expect(await readdir(join(placeOf(target), '1.2.3'))).toEqual(['evil.bin']);
  });
});

describe('what is to be published', () => {
  test('has to be a release directory', async () => {
    const args = ['publish', 'out', '--to', `dir:${await aTarget()}`, ...OURS];
    await expectRefusal(work, args, { code: 10, says: /out is not a release/ }, { here: true });
    const file = ['publish', 'app.app-bin', '--to', `dir:${await aTarget()}`, ...OURS];
    await expectRefusal(work, file, { code: 10, says: /is not a release/ }, { here: true });
  });

  test('is named once', async () => {
    const args = publish(['1.2.3', '1.2.3'], '--to', `dir:${await aTarget()}`, ...OURS);
    await expectRefusal(work, args, { code: 2, says: /are both/ }, { here: true });
  });

  test('has names that stay in their place, whatever is allowed', async () => {
    for (const edit of [
      { board: '../../etc' },
      { variant: '..' },
      { version: '../x' },
      { version: 'index.json' },
      { board: 'assets' },
    ]) {
      await rm(work.path('crafted'), { recursive: true, force: true });
      await cp(work.path(release('1.2.3')), work.path('crafted'), { recursive: true });
      await change(work.path('crafted', 'manifest.json'), (text) =>
        JSON.stringify({ ...(JSON.parse(text) as object), ...edit }),
      );
      const args = ['publish', 'crafted', '--to', `dir:${await aTarget()}`, ...OURS];
      const allowed = [...args, '--allow-unverified', '--channel', 'stable', '--allow-not-newer'];
      await expectRefusal(
        work,
        allowed,
        { code: 10, says: /is not a release directory|cannot name|called assets/ },
        { here: true },
      );
    }
  });

  test('is said as far as it is out when a later one fails', async () => {
    const target = await aTarget();
    await build(work, '1.2.8', [...SIGNED, '--secure-version', '2']);
    await mkdir(join(placeOf(target), '1.2.8'), { recursive: true });
    const { code, stderr } = await work.runHere(
      publish(['1.2.8', '1.2.3'], '--to', `dir:${target}`, ...OURS, '--quiet'),
    );
    expect(code).toBe(10);
    expect(stderr).toMatch(/-1\.2\.3 is out: .*[\s\S]*error: .*-1\.2\.8 is there already/);
    expect((await readPublished(placeOf(target))).channels).toEqual({ stable: '1.2.3' });
  });
});

test('the index can be checked with openssl alone', async () => {
  const target = await aTarget('1.2.3');
  const place = placeOf(target);
  const { signatures } = JSON.parse(await readFile(join(place, 'index.json.sig'), 'utf8')) as {
    signatures: { signature: string }[];
  };
  await work.write('index.sig', Buffer.from(signatures[0]?.signature ?? '', 'base64'));
  const args = ['dgst', '-sha256', '-verify', 'key.pub.pem', '-signature', 'index.sig'];
  const said = execFileSync('openssl', [...args, join(place, 'index.json')], {
    cwd: work.directory,
  });
  expect(said.toString()).toContain('Verified OK');
});

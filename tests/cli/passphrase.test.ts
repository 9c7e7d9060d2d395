import { spawn, spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { esp32c6 } from '../../builder/chip/esp32c6.ts';
import { createWorkspace, environmentOf, MAIN, type Workspace } from '../support/cli.ts';
import { makeApp } from '../support/firmware.ts';
import { isMissing } from '../support/oracle.ts';
import { createToken, softHsmModule } from '../support/softhsm.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';

const PASSPHRASE = 'marked-passphrase-9481';
const GENERATE = ['keys', 'generate', 'keys/release.pem', '--scheme', 'ecdsa256'];

const hasPython = spawnSync('python3', ['-c', 'import pty, termios']).status === 0;

/**
 * Runs the command at a terminal of its own, types each answer once its question is there, and says what was shown, how
 * it ended, and whether the terminal echoes again. \`signal\` is sent in place of the first answer.
 */
const AT_TERMINAL = `
import json, os, pty, select, signal, sys, termios, time
command, answers, send = sys.argv[3:], json.loads(sys.argv[1]), sys.argv[2]
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    os.close(master)
    import fcntl
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2): os.dup2(slave, fd)
    os.execvp(command[0], command)
shown, asked, started = b'', 0, time.time()
status = None
while time.time() - started < 40:
    if select.select([master], [], [], 0.05)[0]:
        try: shown += os.read(master, 65536)
        except OSError: pass
    if asked < shown.count(b': ') and asked < len(answers) and not termios.tcgetattr(slave)[3] & termios.ECHO:
        if send: os.kill(pid, getattr(signal, send))
        else: os.write(master, answers[asked].encode())
        asked += 1
    done, code = os.waitpid(pid, os.WNOHANG)
    if done:
        status = os.waitstatus_to_exitcode(code)
        break
while select.select([master], [], [], 0.05)[0]:
    shown += os.read(master, 65536)
after = termios.tcgetattr(slave)
print(json.dumps({'code': status, 'shown': shown.decode(), 'asked': asked, 'restored': after == before}))
`;

type Shown = {
  readonly code: number | null;
  readonly shown: string;
  readonly asked: number;
  readonly restored: boolean;
};

type Typed = {
  readonly answers: readonly string[];
  readonly signal?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

/** Runs the built command at a terminal. */
function atTerminal(
  work: Workspace,
  args: readonly string[],
  { answers, signal = '', environment = {} }: Typed,
): Promise<Shown> {
  const command = [process.execPath, MAIN, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(
      'python3',
      ['-c', AT_TERMINAL, JSON.stringify(answers), signal, ...command],
      {
        cwd: work.directory,
        env: environmentOf({ NO_COLOR: '1', ...environment }),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', () => {
      resolve(JSON.parse(output) as Shown);
    });
  });
}

const opens = (pem: Buffer, passphrase = PASSPHRASE): boolean => {
  try {
    return createPrivateKey({ key: pem, format: 'pem', passphrase }).type === 'private';
  } catch {
    return false;
  }
};

describe('keys generate', () => {
  test.each<[string, readonly string[], Readonly<Record<string, string>>]>([
    ['the environment', [], { OTA_BUILD_KEY_PASSPHRASE: PASSPHRASE }],
    ['a variable of its own', ['--passphrase-source', 'env:WORDS'], { WORDS: PASSPHRASE }],
    ['a file', ['--passphrase-source', 'file:words'], { OTA_BUILD_KEY_PASSPHRASE: 'not this' }],
  ])('takes the passphrase from %s', async (_, options, environment) => {
    const work = await createWorkspace();
    await work.write('words', `${PASSPHRASE}\n`, 0o600);
    const { code, stdout, stderr } = await work.runHere([...GENERATE, ...options, '--verbose'], {
      environment: { ...environment, CI: 'true' },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('under its passphrase');
    expect(stdout).not.toContain(PASSPHRASE);
    const pem = await work.read('keys/release.pem');
    expect(pem.toString()).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    expect([opens(pem), opens(pem, 'not this')]).toEqual([true, false]);
    expect((await stat(work.path('keys/release.pem'))).mode & 0o777).toBe(0o600);
  });

  test.each<
    [string, readonly string[], Readonly<Record<string, string>>, readonly [number, RegExp]]
  >([
    ['nothing to take it from', [], {}, [8, /none was given, and there is nobody to ask/]],
    ['an empty variable', ['--passphrase-source', 'env:W'], { W: '' }, [8, /W is not set/]],
    ['an empty file', ['--passphrase-source', 'file:empty'], {}, [8, /empty is empty/]],
    ['no file', ['--passphrase-source', 'file:none'], {}, [8, /none does not exist/]],
    [
      'itself in place of its source',
      ['--passphrase-source', PASSPHRASE],
      {},
      [8, /neither file:PATH/],
    ],
    [
      'a source and --unencrypted',
      ['--passphrase-source', 'env:W', '--unencrypted'],
      {},
      [2, /cannot be used with/],
    ],
  ])('makes nothing when the passphrase has %s', async (_, options, environment, refusal) => {
    const [code, says] = refusal;
    const work = await createWorkspace();
    await work.write('empty', '\n');
    const before = await work.listing();
    const result = await work.runHere([...GENERATE, ...options], { environment });
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(says);
    expect(result.stderr).not.toContain(PASSPHRASE);
    expect(await work.listing()).toEqual(before);
    expect(await readdir(work.directory)).toEqual(['empty']);
  });

  test.each(['link', 'fsyncSync', 'writeSync', 'rename'])(
    'leaves no private key in another file when it is killed in %s',
    async (call) => {
      const work = await createWorkspace();
      const script = `
        import fs from 'node:fs';
        import { syncBuiltinESMExports } from 'node:module';
        const kill = () => process.kill(process.pid, 'SIGKILL');
        for (const place of [fs, fs.promises]) {
          const original = place['${call}'];
          if (original === undefined) continue;
          place['${call}'] = (...args) => { if (typeof args[0] === 'string' || args[0] > 2) kill(); return original(...args); };
        }
        syncBuiltinESMExports();`;
      const { code } = await work.run([...GENERATE, '--unencrypted'], {
        environment: {
          NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}`,
        },
      });
      expect(code).toBe(null);
      for (const name of await readdir(work.path('keys'))) {
        if (name === 'release.pem') continue;
        expect((await work.read('keys', name)).toString()).not.toContain('PRIVATE');
      }
    },
  );

  test('says what a killed run has left, and keeps it', async () => {
    const work = await createWorkspace();
    await work.write('keys/release.pem', '');
    const { stderr } = await expectRefusal(
      work,
      GENERATE,
      { code: 8, says: /exists already and was kept/ },
      { here: true },
    );
    expect(stderr).toContain('It is empty, as a run that was killed leaves it');
  });
});

describe.skipIf(!hasPython)('at a terminal', () => {
  test('keys generate asks twice, shows nothing of it, and the key is opened by asking again', async () => {
    const work = await createWorkspace();
    const typed = `${PASSPHRASE}\r`;
    const made = await atTerminal(work, GENERATE, { answers: [typed, typed] });
    expect(made).toMatchObject({ code: 0, asked: 2, restored: true });
    expect(made.shown).toContain('Passphrase for the new key: ');
    expect(made.shown).not.toContain(PASSPHRASE);
    expect(opens(await work.read('keys/release.pem'))).toBe(true);
    const read = await atTerminal(work, ['keys', 'digest', 'keys/release.pem'], {
      answers: [typed],
    });
    expect(read).toMatchObject({ code: 0, asked: 1, restored: true });
    expect(read.shown).toMatch(/Passphrase of keys\/release\.pem: \r\n[0-9a-f]{64}/);
    const build = [
      '--board',
      'ESP32_GENERIC_C2',
      '--firmware',
      'drill',
      '--key',
      'keys/release.pem',
    ];
    const sign = ['sign', 'app.bin', '--key', 'keys/release.pem', '--out', 'signed.bin'];
    await work.write('app.bin', makeApp({ chip: esp32c6 }));
    for (const args of [build, sign]) {
      const signed = await atTerminal(work, args, { answers: [typed] });
      expect(signed).toMatchObject({ code: 0, asked: 1, restored: true });
    }
    const again = ['sign', 'signed.bin', '--key', 'keys/release.pem', '--out', 'again.bin'];
    const refused = await atTerminal(work, again, { answers: [typed] });
    expect(refused).toMatchObject({ code: 8, asked: 0 });
    expect(refused.shown).toContain('signed.bin is signed already');
  });

  test.skipIf(isMissing(softHsmModule(), 'softhsm2 and opensc'))(
    'the PIN of a token is asked for once, shown nowhere, and not asked for in vain',
    async () => {
      const work = await createWorkspace();
      const pin = 'marked-pin-7710';
      const hsm = await createToken(work.path('hsm'), { label: 'T', pin });
      hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'a', '--id', '01');
      await work.write('app.bin', makeApp({ chip: esp32c6 }));
      const key = ['--key', `pkcs11:token=T;object=a?module-path=${hsm.module}`];
      const how = { answers: [`${pin}\r`], environment: hsm.environment };
      const signed = await atTerminal(work, ['sign', 'app.bin', ...key, '--out', 'a.bin'], how);
      expect(signed).toMatchObject({ code: 0, asked: 1, restored: true });
      expect(signed.shown).toContain("PIN of token 'T': ");
      expect(signed.shown).not.toContain(pin);
      const again = await atTerminal(work, ['sign', 'a.bin', ...key, '--out', 'b.bin'], how);
      expect(again).toMatchObject({ code: 8, asked: 0 });
    },
  );

  test('keys generate makes nothing when the two differ, or nothing is typed', async () => {
    const work = await createWorkspace();
    const differ = await atTerminal(work, GENERATE, { answers: ['one\r', 'two\r'] });
    expect(differ).toMatchObject({ code: 8, restored: true });
    expect(differ.shown).toContain('the two passphrases differ; no key was made');
    const empty = await atTerminal(work, GENERATE, { answers: ['\r'] });
    expect(empty).toMatchObject({ code: 8, restored: true });
    expect(await readdir(work.directory)).toEqual([]);
  });

  test.each<[string, Parameters<typeof atTerminal>[2], number]>([
    ['Ctrl-C', { answers: ['abc\x03'] }, 130],
    ['Ctrl-C at the second question', { answers: ['abc\r', '\x03'] }, 130],
    ['SIGINT', { answers: ['-'], signal: 'SIGINT' }, 130],
    ['SIGTERM', { answers: ['-'], signal: 'SIGTERM' }, 143],
    ['SIGHUP', { answers: ['-'], signal: 'SIGHUP' }, 143],
  ])('%s ends the question at once, with nothing left and the echo back', async (_, how, code) => {
    const work = await createWorkspace();
    const { shown, ...ended } = await atTerminal(work, GENERATE, how);
    expect(ended).toEqual({ code, asked: how.answers.length, restored: true });
    expect(shown).toContain('error: interrupted by');
    expect(await readdir(work.directory)).toEqual([]);
  });
});

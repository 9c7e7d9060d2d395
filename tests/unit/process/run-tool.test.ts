import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withoutGitPlaces } from '../../../builder/process/git.ts';
import { runTool, streamTool } from '../../../builder/process/run-tool.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

async function stream(script: string, signal = new AbortController().signal) {
  const lines: string[] = [];
  const result = await streamTool('sh', ['-c', script], {
    ...{ directory: '/', environment: { PATH: process.env['PATH'] }, signal },
    onLine: (line) => void lines.push(line),
  });
  return { lines, result };
}

describe('a program that is streamed', () => {
  test('hands on its lines, whatever ends them, and its exit code', async () => {
    const { lines, result } = await stream(
      "printf 'a\\nb\\r\\nc\\rd'; printf '\\377\\n' >&2; exit 3",
    );
    expect(lines).toEqual(expect.arrayContaining(['a', 'b', 'c']));
    expect(lines.join('')).toContain('\ufffd');
    expect(result).toEqual({ kind: 'exited', code: 3 });
  });

  test('that is not there is missing, and one that was killed says by what', async () => {
    const options = { directory: '/', environment: {}, signal: new AbortController().signal };
    const missing = await streamTool('/no/such/program', [], {
      ...options,
      onLine: () => undefined,
    });
    expect(missing).toEqual({ kind: 'missing' });
    expect((await stream('kill -KILL $$')).result).toEqual({ kind: 'killed', signal: 'SIGKILL' });
  });

  test('does not keep us waiting for what it left running with its output open', async () => {
    const directory = await tempDirectory();
    const pid = join(directory, 'pid');
    const { lines, result } = await stream(`sleep 300 & echo $! > ${pid}; echo done`);
    expect(result).toEqual({ kind: 'exited', code: 0 });
    expect(lines).toEqual(['done']);
    const running = (): boolean => existsSync(`/proc/${readFileSync(pid, 'utf8').trim()}/exe`);
    for (let attempt = 0; attempt < 100 && running(); attempt++)
      await new Promise((done) => setTimeout(done, 50));
    expect(running()).toBe(false);
  });

  test('is ended when we are told to end', async () => {
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort();
    }, 200);
    const { result } = await stream('exec sleep 300', controller.signal);
    expect(result).toEqual({ kind: 'killed', signal: 'SIGINT' });
  });
});

test('a program inherits no key, passphrase or PIN', async () => {
  const environment = {
    ...{ PATH: process.env['PATH'], OTA_BUILD_KEY_PASSPHRASE: 'a', OTA_BUILD_PKCS11_PIN: 'b' },
    ...{ ANY: '-----BEGIN EC PRIVATE KEY-----\n', PUBLIC: '-----BEGIN PUBLIC KEY-----' },
  };
  const lines: string[] = [];
  const { signal } = new AbortController();
  const onLine = (line: string): void => void lines.push(line);
  await streamTool('env', [], { directory: '/', environment, signal, onLine });
  const { stdout } = await runTool('env', [], { directory: '/', environment, timeoutMs: 10_000 });
  for (const inherited of [lines, stdout.split('\n')])
    expect(inherited.map((line) => line.replace(/=.*/, '')).sort()).toEqual(['PATH', 'PUBLIC']);
});

test('output is kept byte for byte where that was asked for', async () => {
  const args = ['-c', "printf '\\377\\376'"];
  const bytes = await runTool('sh', args, {
    directory: '/',
    timeoutMs: 10_000,
    encoding: 'latin1',
  });
  expect(bytes.stdout).toBe('\u00ff\u00fe');
});

test('git is not told of the repository whose hook we run in', () => {
  const environment = {
    GIT_DIR: '/x',
    GIT_INDEX_FILE: '/y',
    GIT_CEILING_DIRECTORIES: '/z',
    HOME: '/h',
  };
  expect(withoutGitPlaces(environment)).toEqual({ GIT_CEILING_DIRECTORIES: '/z', HOME: '/h' });
});

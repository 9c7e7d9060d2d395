// A stand-in for docker and podman, bundled by tests/support/build-cli.ts: knows one image, in which idf.py is the fake one. As
// with the real ones, what runs in a container is no child of the program that started it. FAKE_ENGINE says what goes wrong.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const argv = process.argv.slice(2);
const mode = process.env['FAKE_ENGINE'] ?? '';
/** Directory that holds what a daemon would remember. */
const state = process.env['FAKE_ENGINE_STATE'] ?? '';
const DIGEST = `sha256:${'a'.repeat(64)}`;

/** Ends this program. */
function end(code: number, { stdout = '', stderr = '' } = {}): never {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  // eslint-disable-next-line no-restricted-properties -- this is a program of its own
  process.exit(code);
}

function run(): void {
  const valuesOf = (flag: string): string[] =>
    argv.flatMap((arg, index) => (argv[index - 1] === flag ? [arg] : []));
  if (argv.includes('--entrypoint'))
    end(0, {
      stdout: 'set(IDF_VERSION_MAJOR 5)\nset(IDF_VERSION_MINOR 5)\nset(IDF_VERSION_PATCH 1)\n',
    });
  const image = argv.findIndex((arg) => arg.includes(`@${DIGEST}`));
  const [program = '', ...args] = argv.slice(image + 1);
  const isIdf = program === 'idf.py';
  const [name = ''] = valuesOf('--name');
  const inside = Object.fromEntries(
    valuesOf('--env').map((pair) => [
      pair.slice(0, pair.indexOf('=')),
      pair.slice(pair.indexOf('=') + 1),
    ]),
  );
  const output = openSync(join(state, 'output'), 'w');
  const child = spawn(
    isIdf ? process.execPath : program,
    isIdf ? [join(import.meta.dirname, 'idf.mjs'), ...args] : args,
    {
      cwd: valuesOf('--workdir')[0],
      env: { ...process.env, ...inside },
      stdio: ['ignore', output, output],
      detached: true,
    },
  );
  writeFileSync(join(state, `${name}.pid`), String(child.pid));
  let shown = 0;
  const show = (): void => {
    const text = readFileSync(join(state, 'output'));
    process.stdout.write(text.subarray(shown));
    shown = text.length;
  };
  setInterval(show, 50);
  process.on('SIGINT', () => child.kill('SIGINT'));
  child.on('exit', (code) => {
    show();
    rmSync(join(state, `${name}.pid`), { force: true });
    end(code ?? 137);
  });
}

function kill(name: string): never {
  const file = join(state, `${name}.pid`);
  if (!existsSync(file))
    end(1, { stderr: `Error response from daemon: No such container: ${name}\n` });
  process.kill(-Number(readFileSync(file, 'utf8')), 'SIGKILL');
  rmSync(file);
  end(0, { stdout: `${name}\n` });
}

appendFileSync(join(state, 'calls.jsonl'), `${JSON.stringify(argv)}\n`);
if (mode === 'down')
  end(1, {
    stderr:
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n',
  });
const pulled = join(state, 'pulled');
const image = argv.at(-1) ?? '';
if (argv[0] === 'image') {
  if (!existsSync(pulled))
    end(1, { stdout: '\n', stderr: `Error response from daemon: No such image: ${image}\n` });
  end(0, { stdout: `mirror.example/idf@sha256:${'b'.repeat(64)}\nespressif/idf@${DIGEST}\n\n` });
} else if (argv[0] === 'pull') {
  if (mode === 'no-network')
    end(1, { stderr: 'Error response from daemon: lookup registry.example: no such host\n' });
  writeFileSync(pulled, image);
} else if (argv[0] === 'run') run();
else if (argv[0] === 'kill') kill(image);
else if (argv[0] === 'version' || argv[0] === '--version')
  end(0, { stdout: 'Docker version 28.2.2\n' });
else end(125, { stderr: `the fake engine does not know: ${argv.join(' ')}\n` });

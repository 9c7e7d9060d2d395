import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The newest build that npm has, and the oldest one that Node can drive this way. */
export const VERSIONS = [
  { version: 'v1.29', load: () => import('@micropython/micropython-webassembly-pyscript') },
  { version: 'v1.23-preview', load: () => import('micropython-oldest') },
] as const;

/** A MicroPython to run the package on. `extended`: its esp32.Partition has the functions of firmware/ota/. */
export type Setup = {
  readonly load: (typeof VERSIONS)[number]['load'];
  readonly extended: boolean;
};

/** A running MicroPython. What one piece of code leaves in modules is there for the next. */
export type Python = {
  readonly run: (code: string) => Outcome;
  /** Puts a file into its file system, below `/`. */
  readonly write: (name: string, bytes: Uint8Array) => void;
};

/** What a piece of Python came to: what it printed, and the traceback of what it raised, or ''. */
export type Outcome = { readonly printed: string; readonly traceback: string };

const HERE = import.meta.dirname;
const PACKAGE = join(HERE, '../../firmware/modules/ota');
const HEAP_BYTES = 8 * 1024 * 1024;
const MARK = '--- what was raised ---';

// Errors stay in Python: not every version of the port brings them to JavaScript whole.
const RUN = `
_raised = None
try:
    exec(open('/flash/code.txt').read(), {'__name__': 'code'})
except BaseException as _error:
    _raised = _error
print()
print('${MARK}')
if _raised is not None:
    sys.print_exception(_raised)
print()
`;

/**
 * Starts a MicroPython that has the package, the stand-ins of `device/` and the cases of `cases/`. The port keeps state in
 * globalThis: use one interpreter after the other, never two in turns.
 */
export async function startPython(setup: Setup): Promise<Python> {
  const { loadMicroPython } = await setup.load();
  const lines: string[] = [];
  const port = await loadMicroPython({
    heapsize: HEAP_BYTES,
    linebuffer: true,
    stdout: (line) => lines.push(line),
  });
  // Its finaliser frees objects of an old interpreter in the new one.
  Object.assign(globalThis, { pyProxyFinalizationRegistry: { register: () => undefined } });
  port.FS.mkdir('/flash');
  port.FS.mkdir('/flash/ota');
  copyPython(port, PACKAGE, '/flash/ota');
  copyPython(port, join(HERE, 'device'), '/flash');
  copyPython(port, join(HERE, 'cases'), '/flash');
  port.runPython("import sys\nsys.path.insert(0, '/flash')\n");
  const run = (code: string): Outcome => {
    lines.length = 0;
    port.FS.writeFile('/flash/code.txt', code);
    port.runPython(RUN);
    return outcomeOf(lines);
  };
  const { traceback } = run(`import bench\nbench.start(${setup.extended ? 'True' : 'False'})`);
  if (traceback !== '') throw new Error(traceback);
  return {
    run,
    write: (name, bytes) => {
      port.FS.writeFile(`/${name}`, bytes);
    },
  };
}

function outcomeOf(lines: readonly string[]): Outcome {
  const mark = lines.lastIndexOf(MARK);
  if (mark < 0) throw new Error(`MicroPython did not come to an end:\n${lines.join('\n')}`);
  const text = (from: number, to?: number) => lines.slice(from, to).join('\n').trim();
  return { printed: text(0, mark), traceback: text(mark + 1) };
}

/** The functions of a file of cases that are tests, in order. */
export function casesOf(file: string): readonly string[] {
  const text = readFileSync(join(HERE, 'cases', file), 'utf8');
  return [...text.matchAll(/^def (test_\w+)\(\):$/gm)].map(([, name = '']) => name);
}

function copyPython(python: Port, from: string, to: string): void {
  for (const name of readdirSync(from).filter((each) => each.endsWith('.py'))) {
    python.FS.writeFile(`${to}/${name}`, readFileSync(join(from, name)));
  }
}

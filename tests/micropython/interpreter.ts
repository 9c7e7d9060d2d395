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
 * Starts a MicroPython that has the package, the stand-ins of `device/` and the cases of `cases/`. The returned function
 * runs a piece of code in it; what one leaves in modules is there for the next. The port keeps state in globalThis: use
 * one interpreter after the other, never two in turns.
 */
export async function startPython(setup: Setup): Promise<(code: string) => Outcome> {
  const { loadMicroPython } = await setup.load();
  const lines: string[] = [];
  const python = await loadMicroPython({
    heapsize: HEAP_BYTES,
    linebuffer: true,
    stdout: (line) => lines.push(line),
  });
  // Its finaliser frees objects of an old interpreter in the new one.
  Object.assign(globalThis, { pyProxyFinalizationRegistry: { register: () => undefined } });
  python.FS.mkdir('/flash');
  python.FS.mkdir('/flash/ota');
  copyPython(python, PACKAGE, '/flash/ota');
  copyPython(python, join(HERE, 'device'), '/flash');
  copyPython(python, join(HERE, 'cases'), '/flash');
  const run = (code: string): Outcome => {
    lines.length = 0;
    python.FS.writeFile('/flash/code.txt', code);
    python.runPython(RUN);
    const mark = lines.lastIndexOf(MARK);
    if (mark < 0) throw new Error(`MicroPython did not come to an end:\n${lines.join('\n')}`);
    return {
      printed: lines.slice(0, mark).join('\n').trim(),
      traceback: lines
        .slice(mark + 1)
        .join('\n')
        .trim(),
    };
  };
  python.runPython("import sys\nsys.path.insert(0, '/flash')\n");
  run(`import bench\nbench.start(${setup.extended ? 'True' : 'False'})`);
  return run;
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

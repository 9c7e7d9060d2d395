import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A running MicroPython; what its JavaScript side offers of what is used here. */
type MicroPython = {
  readonly FS: {
    mkdir(path: string): void;
    writeFile(path: string, data: string | Uint8Array): void;
  };
  runPython(code: string): unknown;
};

type Loader = (options: {
  readonly heapsize: number;
  readonly linebuffer: boolean;
  readonly stdout: (line: string) => void;
}) => Promise<MicroPython>;

/** A version of MicroPython to run the package on. */
export type Port = { readonly title: string; readonly load: () => Promise<Loader> };

/** The oldest and the newest of npm's builds that Node can drive: they enclose what the package supports. */
export const PORTS: readonly Port[] = [
  { title: 'MicroPython v1.29', load: () => loaderOf('@micropython/micropython-webassembly-pyscript') },
  { title: 'MicroPython v1.23-preview', load: () => loaderOf('micropython-oldest') },
];

const HERE = import.meta.dirname;
const PACKAGE = join(HERE, '../../firmware/modules/ota');
const HEAP = 8 * 1024 * 1024;

/** What a piece of Python came to: what it printed, and its traceback if it raised. */
export type Outcome = { readonly printed: string; readonly traceback: string };

/** Runs Python in a new MicroPython that has the package, the stand-ins of `device/` and the cases of `cases/`. */
export async function runPython(port: Port, code: string): Promise<Outcome> {
  const lines: string[] = [];
  const load = await port.load();
  const python = await load({
    heapsize: HEAP,
    linebuffer: true,
    stdout: (line) => lines.push(line),
  });
  python.FS.mkdir('/flash');
  python.FS.mkdir('/flash/ota');
  copy(python, PACKAGE, '/flash/ota');
  copy(python, join(HERE, 'device'), '/flash');
  copy(python, join(HERE, 'cases'), '/flash');
  // Errors stay in Python: not every version of the port brings them to JavaScript whole.
  python.FS.writeFile('/flash/main_code.py', code);
  python.runPython(RUNNER);
  const mark = lines.lastIndexOf(MARK);
  if (mark < 0) throw new Error(`MicroPython did not come to its end:\n${lines.join('\n')}`);
  return { printed: lines.slice(0, mark).join('\n'), traceback: lines.slice(mark + 1).join('\n') };
}

const MARK = '--- what was raised ---';

const RUNNER = `
import sys
sys.path.insert(0, '/flash')
_raised = None
try:
    import main_code
except BaseException as _error:
    _raised = _error
print()
print('${MARK}')
if _raised is not None:
    sys.print_exception(_raised)
print()
`;

function copy(python: MicroPython, from: string, to: string): void {
  for (const name of readdirSync(from).filter((each) => each.endsWith('.py'))) {
    python.FS.writeFile(`${to}/${name}`, readFileSync(join(from, name)));
  }
}

async function loaderOf(specifier: string): Promise<Loader> {
  const module = (await import(specifier)) as { readonly loadMicroPython: Loader };
  return module.loadMicroPython;
}

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Chips that QEMU can run: its machine, and the variable that names the executable. */
const MACHINES = {
  esp32: { machine: 'esp32', variable: 'OTA_BUILD_QEMU_XTENSA' },
  esp32c3: { machine: 'esp32c3', variable: 'OTA_BUILD_QEMU_RISCV32' },
} as const;

export type EmulatedChip = keyof typeof MACHINES;

/** The environment variable that has to hold the path of the chip's emulator. */
export function emulatorVariable(chip: EmulatedChip): string {
  return MACHINES[chip].variable;
}

/** Path of the chip's emulator as its environment variable says; undefined when that is unset or names nothing. */
export function findEmulator(chip: EmulatedChip): string | undefined {
  const path = process.env[MACHINES[chip].variable] ?? '';
  return path !== '' && existsSync(path) ? path : undefined;
}

const CTRL_C = '\x03';
const PROMPT = '>>> ';

export type EmulatorOptions = {
  /**
   * False switches the watchdogs of the timer groups off, as ESP-IDF's `idf.py qemu` does: the emulated chip's time goes
   * on while a busy machine does not run it, and its interrupt watchdog resets it then. On by default.
   */
  readonly watchdogs?: boolean;
};

/** A running chip: its serial line, and MicroPython's REPL on it. */
export class Emulator {
  private readonly child: ChildProcessWithoutNullStreams;
  private serial = '';
  private complaints = '';
  /** How much of the serial line earlier waits have used up. */
  private consumed = 0;
  private readonly watchers = new Set<() => void>();

  constructor(chip: EmulatedChip, flashFile: string, { watchdogs = true }: EmulatorOptions = {}) {
    const executable = findEmulator(chip);
    if (executable === undefined) throw new Error(`${MACHINES[chip].variable} names no emulator`);
    const roms = join(dirname(executable), '..', 'share');
    this.child = spawn(executable, [
      ...(existsSync(roms) ? ['-L', roms] : []),
      ...['-nographic', '-monitor', 'none', '-nic', 'none'],
      ...['-chardev', 'stdio,id=ser0,signal=off', '-serial', 'chardev:ser0'],
      ...['-machine', MACHINES[chip].machine],
      ...['-drive', `file=${flashFile},if=mtd,format=raw`],
      ...(watchdogs
        ? []
        : ['-global', `driver=timer.${chip}.timg,property=wdt_disable,value=true`]),
    ]);
    this.child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.serial += text;
      this.wake();
    });
    this.child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.complaints += text;
    });
    this.child.on('close', () => {
      this.wake();
    });
    // Writing to a chip that has just died must not end the test run.
    this.child.stdin.on('error', () => undefined);
  }

  /** Everything that the chip has printed. */
  get transcript(): string {
    return this.serial;
  }

  /** Waits for a text behind what earlier waits found; resolves with everything up to its end. */
  async waitFor(text: string, deadlineMs = 60_000): Promise<string> {
    const startedAt = Date.now();
    for (;;) {
      const at = this.serial.indexOf(text, this.consumed);
      if (at !== -1) {
        const found = this.serial.slice(this.consumed, at + text.length);
        this.consumed = at + text.length;
        return found;
      }
      const left = deadlineMs - (Date.now() - startedAt);
      if (this.child.exitCode !== null || this.child.signalCode !== null || left <= 0)
        throw this.failure(text, deadlineMs);
      await this.change(left);
    }
  }

  /** Waits until MicroPython has started with this banner and takes statements. */
  async boot(banner: string): Promise<void> {
    await this.waitFor(banner);
    await this.waitFor(PROMPT);
    // Whatever the start left half typed is gone after this.
    this.child.stdin.write(CTRL_C);
    await this.waitFor(PROMPT);
  }

  /** Runs one statement at the prompt, and waits for the next prompt. Fails when it raises. */
  async run(statement: string): Promise<void> {
    this.send(statement);
    const output = await this.waitFor(`\n${PROMPT}`);
    if (output.includes('Traceback')) throw new Error(`on the chip:\n${output}`);
  }

  /** What an expression is on the chip, as `repr` shows it. */
  async evaluate(expression: string): Promise<string> {
    // The marks are escapes in what is echoed, and bytes in what is printed.
    this.send(String.raw`print("\x01" + repr(${expression}) + "\x02")`);
    const output = await this.waitFor(`\n${PROMPT}`);
    const value = output.split('\x01')[1]?.split('\x02')[0];
    if (value === undefined) throw new Error(`on the chip:\n${output}`);
    return value;
  }

  /** Types a line without waiting for anything. */
  send(line: string): void {
    this.child.stdin.write(`${line}\r`);
  }

  /** Ends the chip, whatever it does. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = new Promise<void>((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGKILL');
    await closed;
  }

  private change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.watchers.add(done);
    });
  }

  private wake(): void {
    for (const watcher of [...this.watchers]) watcher();
  }

  private failure(text: string, deadlineMs: number): Error {
    const end = this.child.exitCode ?? this.child.signalCode;
    const why = end === null ? `within ${deadlineMs} ms` : `before the emulator ended (${end})`;
    return new Error(
      `the chip did not print ${JSON.stringify(text)} ${why}; it printed:\n${this.serial.slice(-4000)}\n${this.complaints}`,
    );
  }
}

/** Boots a chip from a flash file, which it writes to, and ends it again in any case. */
export async function withEmulator<T>(
  chip: EmulatedChip,
  flashFile: string,
  use: (emulator: Emulator) => Promise<T>,
  options: EmulatorOptions = {},
): Promise<T> {
  const emulator = new Emulator(chip, flashFile, options);
  try {
    return await use(emulator);
  } finally {
    await emulator.stop();
  }
}

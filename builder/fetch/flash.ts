import { ToolchainError, UsageError } from '../errors/families.ts';
import { findTool } from '../doctor/find-tools.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Context } from '../pipeline/context.ts';
import { streamTool } from '../process/run-tool.ts';

/** `write-flash @flash_args` and its options are those of esptool 5. */
const OLDEST = 5;
const LAST_LINES = 5;

/** The program that writes to a device, and where the device is. */
export type Flasher = { readonly program: string; readonly port: string };

/**
 * Throws UsageError for a port that esptool would take for an option or that no port can be called; ports are names of
 * devices (/dev/ttyUSB0, COM3) and addresses (socket://…, rfc2217://…).
 */
export function checkPort(port: string): void {
  if (/^[A-Za-z0-9/\\.][\x21-\x7e]*$/.test(port)) return;
  throw new UsageError('USAGE', `${JSON.stringify(port)} is not a serial port`, {
    hint: 'Name the port of the device, such as /dev/ttyUSB0 or COM3.',
  });
}

/** Finds esptool, before anything is fetched. Throws ToolchainError when there is none, or one that is too old. */
export async function findFlasher(context: Context, port: string): Promise<Flasher> {
  checkPort(port);
  const hint = 'pip install esptool, in version 5 or later; or leave --flash away.';
  const { path, state, version, problem } = await findTool(
    {
      names: ['esptool', 'esptool.py'],
      ask: ['version'],
      neededFor: 'writing a release to a device by cable',
      optional: false,
      hint,
    },
    context.environment,
  );
  if (path === undefined)
    throw new ToolchainError('TOOL_MISSING', 'esptool is not on PATH, and --flash needs it', {
      hint,
    });
  if (state !== 'found')
    throw new ToolchainError('TOOL_FAILED', `esptool cannot be used: ${problem ?? ''}`, { hint });
  if (Number.parseInt(version ?? '0', 10) < OLDEST)
    throw new ToolchainError('TOOL_FAILED', `esptool ${version ?? ''} is too old for --flash`, {
      hint,
    });
  return { program: path, port };
}

/** What `esptool` is called with, in the directory of the release, whose flash_args has the offsets. */
export function flashArguments({ chip }: Pick<Manifest, 'chip'>, port?: string): readonly string[] {
  const where = port === undefined ? [] : ['--port', port];
  return ['--chip', chip, ...where, 'write-flash', '@flash_args'];
}

/** True for what a cable can bring onto a device: all of its flash, or the drill, which is made for it. */
export function isFlashable({ artifacts, source }: Manifest): boolean {
  return source.kind === 'drill' || artifacts.some(({ role }) => role === 'bootloader');
}

/** Throws UsageError for a release without what a device needs to start. */
export function requireFlashable(manifest: Manifest): void {
  if (isFlashable(manifest)) return;
  throw new UsageError(
    'USAGE',
    'this release has no bootloader, so --flash cannot write it: it was fetched, and goes over the air',
  );
}

/** Writes a release to the device. Throws ToolchainError with the last lines of what esptool said when it fails. */
export async function flash(
  context: Context,
  { program, port }: Flasher,
  { directory, manifest }: { readonly directory: string; readonly manifest: Manifest },
): Promise<void> {
  const last: string[] = [];
  const result = await streamTool(program, flashArguments(manifest, port), {
    directory,
    environment: context.environment,
    signal: context.signal,
    onLine: (line) => {
      if (line.trim() === '') return;
      context.note(line);
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
    },
  });
  context.throwIfInterrupted();
  if (result.kind === 'exited' && result.code === 0) return;
  throw new ToolchainError('TOOL_FAILED', `esptool failed on ${port}:\n${last.join('\n')}`, {
    hint: 'The release itself is whole, and stays where it was fetched to.',
  });
}

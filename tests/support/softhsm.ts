import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oracleTool } from './oracle.ts';

/** Where Debian, Fedora and Homebrew put SoftHSM2's module. */
const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

/** A token in a directory of its own, that every process with `environment` sees. */
export type SoftHsm = {
  readonly module: string;
  readonly pin: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Runs OpenSC's pkcs11-tool on the token, logged in. */
  readonly tool: (...args: readonly string[]) => Buffer;
};

/** SoftHSM2's module, if it and the tools that make tokens are installed. */
export function softHsmModule(): string | undefined {
  const hasTools = ['softhsm2-util', 'pkcs11-tool'].every((name) => oracleTool(name) !== undefined);
  return hasTools ? MODULES.find((path) => existsSync(path)) : undefined;
}

/** Makes a token with that label and PIN. */
export async function createToken(
  directory: string,
  { label, pin }: { readonly label: string; readonly pin: string },
): Promise<SoftHsm> {
  const module = softHsmModule();
  if (module === undefined) throw new Error('a test ran without SoftHSM2');
  await mkdir(join(directory, 'tokens'), { recursive: true });
  const conf = join(directory, 'softhsm2.conf');
  await writeFile(conf, `directories.tokendir = ${join(directory, 'tokens')}\nlog.level = ERROR\n`);
  const environment = { SOFTHSM2_CONF: conf };
  const run = (program: string, args: readonly string[]): Buffer => {
    const env = { ...process.env, ...environment };
    const { status, stdout, stderr } = spawnSync(program, args, { env });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.toString()}`);
    return stdout;
  };
  run('softhsm2-util', [
    ...['--init-token', '--free', '--label', label, '--pin', pin, '--so-pin', '87654321'],
  ]);
  return {
    module,
    pin,
    environment,
    tool: (...args) =>
      run('pkcs11-tool', [
        ...['--module', module, '--token-label', label, '--login', '--pin', pin],
        ...args,
      ]),
  };
}

import { Command, CommanderError } from '@commander-js/extra-typings';
import { addBuildCommand } from './commands/build.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addFetchCommand } from './commands/fetch.ts';
import { addFlashEncryptionCommands } from './commands/flash-encryption.ts';
import { addInspectCommand } from './commands/inspect.ts';
import { addKeysCommand } from './commands/keys.ts';
import { addOtadataCommand } from './commands/otadata.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addPublishCommand } from './commands/publish.ts';
import { addSignCommand } from './commands/sign.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { SigningError } from '../errors/families.ts';
import { groupItems } from './help-groups.ts';
import { isGitHub } from './github/github-log.ts';
import { withoutCommands } from './github/workflow-command.ts';
import { Output } from './output.ts';
import type { ProcessEdge } from './process-edge.ts';
import { renderError } from './render/error.ts';
import { requireVerb } from './require-verb.ts';

const EXIT_USAGE = 2;

/** What a command is given: the process, and a way to say its exit code when it is not 0. */
export type CommandHost = {
  readonly edge: ProcessEdge;
  readonly setExit: (code: number) => void;
};

/** Runs one command line. Returns the exit code of the process; never throws. */
export async function runCommandLine(args: readonly string[], given: ProcessEdge): Promise<number> {
  const edge = isGitHub(given) ? guarded(given) : given;
  let exit = 0;
  const program = createProgram({ edge, setExit: (code) => (exit = code) });
  try {
    refuseKeys(args);
    requireVerb(args, program);
    await program.parseAsync([...args], { from: 'user' });
    return exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) return renderError(error, outputOf(args, edge));
    const isHelp = error.exitCode === 0;
    if (!isHelp)
      outputOf(args, edge).github?.annotate('error', {
        title: 'USAGE',
        message: error.message.replace(/^error: /, ''),
      });
    if (!isHelp && args.includes('--json')) {
      const message = error.message.replace(/^error: /, '');
      outputOf(args, edge).result(
        { ok: false, error: { name: 'UsageError', code: 'USAGE', exit: EXIT_USAGE, message } },
        () => '',
      );
    }
    return isHelp ? 0 : EXIT_USAGE;
  }
}

/** In a job of GitHub Actions what we print can hold anything that a file held, and must not command the runner. */
function guarded(edge: ProcessEdge): ProcessEdge {
  return {
    ...edge,
    stdout: withoutCommands(edge.stdout),
    stderr: withoutCommands(edge.stderr),
    commands: edge.stderr,
  };
}

function createProgram(host: CommandHost): Command {
  const { edge } = host;
  const program = new Command('ota-build')
    .description(
      'Builds, stamps, signs, verifies and bundles MicroPython OTA releases for ESP32 chips.',
    )
    .version(edge.version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .addHelpText('after', EXAMPLES)
    .showSuggestionAfterError()
    // `fetch --version 1.2.3` is an option of fetch.
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ groupItems })
    .configureOutput({
      writeOut: (text) => void edge.stdout.write(text),
      writeErr: (text) => void edge.stderr.write(text),
      getOutHelpWidth: () => edge.stdout.columns ?? 100,
      getErrHelpWidth: () => edge.stderr.columns ?? 100,
    });
  for (const add of [
    addBuildCommand,
    addPlanCommand,
    addInspectCommand,
    addVerifyCommand,
    addPublishCommand,
    addFetchCommand,
    addSignCommand,
    addKeysCommand,
    addOtadataCommand,
    addFlashEncryptionCommands,
    addDoctorCommand,
  ])
    add(program, host);
  return program;
}

/** The beginning of a private key in PEM, and of any PEM in Base64, as secrets of CI are often kept. */
const KEY_ITSELF = /PRIVATE KEY-----|LS0tLS1CRUdJTi/;

/** Before anybody quotes it: a word that names no file is quoted in the message that says so. */
function refuseKeys(args: readonly string[]): void {
  if (!args.some((arg) => KEY_ITSELF.test(arg))) return;
  throw new SigningError(
    'KEY_REFERENCE',
    'a key itself was given where the name of a key belongs',
    {
      hint: 'Keep it in a file or, for --key, in an environment variable (--key env:NAME); it may be in logs already.',
    },
  );
}

/** Errors are shown as the command asked for; its options may not have been parsed when it failed. */
function outputOf(args: readonly string[], edge: ProcessEdge): Output {
  const has = (flag: string): boolean => args.includes(flag);
  return new Output(edge, {
    json: has('--json'),
    quiet: has('--quiet'),
    verbose: has('--verbose'),
  });
}

const EXAMPLES = `
Examples:
  ota-build --board ESP32_GENERIC --sign --app-version 1.2.3                (compiles MicroPython)
  ota-build --board ESP32_GENERIC --sign --firmware ESP32_GENERIC-20240602-v1.23.0.bin --app-version 1.2.3
  ota-build verify out/ESP32_GENERIC-1.2.3
  ota-build inspect out/ESP32_GENERIC-1.2.3
  ota-build publish out/ESP32_GENERIC-1.2.3 --to dir:public --key keys/release.pem
  ota-build fetch https://ota.example.com --board ESP32_GENERIC --trust keys/trust.yaml
  ota-build keys generate keys/release.pem

Exit codes: 0 ok, 2 usage, 3 profile or plan, 4 toolchain, 5 fetching, 6 compiling, 7 layout, 8 signing or keys,
9 verification, 10 publishing, 11 malformed input, 70 a bug of ours, 130 and 143 interrupted.`;

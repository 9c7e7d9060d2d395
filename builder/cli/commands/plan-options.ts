import {
  InvalidArgumentError,
  Option,
  type Command,
  type OptionValues,
} from '@commander-js/extra-typings';
import { UsageError } from '../../errors/families.ts';
import type { PlanRequest } from '../../plan/make-plan.ts';
import type { ProcessEdge } from '../process-edge.ts';

const SCHEMES = ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'] as const;
const TOOLCHAINS = ['auto', 'local', 'container'] as const;
const FLASH_SIZES = ['keep', '1MB', '2MB', '4MB', '8MB', '16MB', '32MB', '64MB', '128MB'] as const;

/** Options of every command: how results and progress are shown. What a command adds behind them is about something else. */
export function withOutputOptions<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
) {
  return command
    .optionsGroup('Output:')
    .option('--json', 'print the result as one JSON object on stdout, progress on stderr')
    .option('--quiet', 'print results, warnings and errors only')
    .option('--verbose', 'print more, and stack traces with errors')
    .optionsGroup('How:');
}

/** Options that decide what a release is: `build` and `plan` share them. */
export function withPlanOptions(command: Command) {
  return withOutputOptions(withSigningOptions(withDescriptionOptions(withSourceOptions(command))));
}

function withSourceOptions(command: Command) {
  return command
    .optionsGroup('What to build:')
    .option(
      '--board <name>',
      "board, as in profiles/<name>.yaml of the project or the package's own",
      collect,
    )
    .option('--variant <name>', "variant, which becomes part of the release's name")
    .option('--profile <file>', 'profile file instead of the one found by board name')
    .option(
      '--firmware <source>',
      'what to repackage: a MicroPython .bin as released, a merged image, an .app-bin or a finished ESP-IDF build ' +
        'directory; drill: the built-in rollback drill',
    )
    .addOption(
      new Option(
        '--micropython <dir>',
        'MicroPython source tree to compile (default: the version in the profile, fetched by git)',
      ).conflicts('firmware'),
    )
    .addOption(
      new Option(
        '--toolchain <kind>',
        'ESP-IDF to compile with: of this machine, or in docker or podman',
      )
        .choices(TOOLCHAINS)
        .default('auto'),
    )
    .option(
      '--container <image>',
      'container image with ESP-IDF instead of the one in the profile, by digest: espressif/idf@sha256:…',
    )
    .option(
      '--idf-version <release>',
      'release of ESP-IDF that it has to be, and no other, instead of the one in the profile: v5.5.1',
      parseRelease,
    )
    .option(
      '--layout <name|csv>',
      'partition layout: a name in firmware/partitions/, or a CSV file',
    )
    .addOption(
      new Option('--flash-size <size>', 'flash size instead of the one in the profile').choices(
        FLASH_SIZES,
      ),
    );
}

function withDescriptionOptions<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
) {
  return command
    .optionsGroup('What it says of itself:')
    .option(
      '--app-version <text>',
      'version in the app description, at most 31 characters (default: profile, git tag, firmware)',
    )
    .option('--project-name <text>', 'project name in the app description, at most 31 characters')
    .option(
      '--secure-version <n>',
      'anti-rollback counter in the app description; only ever goes up',
      parseCount,
    );
}

function withSigningOptions<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
) {
  return command
    .optionsGroup('Signing:')
    .option(
      '--sign',
      'sign for Secure Boot V2; without --key with a development key, which CI refuses',
    )
    .addOption(
      new Option(
        '--sign-later',
        'make everything ready to be signed, without a key: `ota-build sign DIR` signs it elsewhere',
      ).conflicts(['sign', 'key']),
    )
    .option(
      '--key <ref>',
      'key: a file, env:NAME, pkcs11:…, command:… or dev (keys/README.md); up to three times',
      collect,
    )
    .addOption(
      new Option('--scheme <name>', 'signature scheme instead of the one in the profile').choices(
        SCHEMES,
      ),
    );
}

/** Values of `withPlanOptions` as commander hands them over. */
export type PlanOptions = ReturnType<ReturnType<typeof withPlanOptions>['opts']>;

/** What the options ask the planner for. `--key` alone asks for signing too. */
export function planRequest(
  options: Omit<PlanOptions, 'board'> & { readonly board?: readonly string[] | undefined },
  edge: ProcessEdge,
  note: (message: string) => void,
): PlanRequest {
  const keys = options.key ?? [];
  return {
    projectDirectory: edge.directory,
    host: { environment: edge.environment, signal: edge.signal, note },
    board: oneBoard(options.board),
    variant: options.variant,
    profile: options.profile,
    firmware: options.firmware,
    micropython: options.micropython,
    toolchain: options.toolchain,
    layout: options.layout,
    flashSize: options.flashSize,
    appVersion: options.appVersion,
    projectName: options.projectName,
    secureVersion: options.secureVersion,
    scheme: options.scheme,
    sign: options.sign === true || keys.length > 0,
    signLater: options.signLater === true,
    container: options.container,
    idfVersion: options.idfVersion,
    keys,
  };
}

/** The options that a job of a matrix hands on to `build`, as arguments; those that differ from board to board are not among them. */
export function handedOn(options: Omit<PlanOptions, 'board'>): readonly string[] {
  const values: readonly (readonly [string, string | undefined])[] = [
    ['--firmware', options.firmware],
    ['--micropython', options.micropython],
    ['--toolchain', options.toolchain === 'auto' ? undefined : options.toolchain],
    ['--container', options.container],
    ['--idf-version', options.idfVersion],
    ['--layout', options.layout],
    ['--flash-size', options.flashSize],
    ['--project-name', options.projectName],
    ['--scheme', options.scheme],
    ...(options.key ?? []).map((key) => ['--key', key] as const),
  ];
  return [
    ...values.flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    ...(options.sign === true ? ['--sign'] : []),
    ...(options.signLater === true ? ['--sign-later'] : []),
  ];
}

function oneBoard(boards: readonly string[] = []): string | undefined {
  if (boards.length < 2) return boards[0];
  throw new UsageError('USAGE', `${boards.length} boards were named; a release is for one`, {
    hint: 'Several boards are for plan --matrix.',
  });
}

function parseCount(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('expected an integer of 0 or more.');
  return Number(text);
}

function parseRelease(text: string): string {
  if (/^v\d+\.\d+(\.\d+)?$/.test(text)) return text;
  throw new InvalidArgumentError('expected a release such as v5.5.1.');
}

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

import { Option, type Command } from '@commander-js/extra-typings';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UsageError } from '../../errors/families.ts';
import type { SignJob } from '../../sign/run-sign.ts';
import { secretOptions } from '../ask-secret.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { renderEvent } from '../render/events.ts';
import type { ReleaseSigning } from '../sign-release.ts';
import { withOutputOptions } from './plan-options.ts';

const SCHEMES = ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192', 'v1'] as const;

/** `ota-build sign`: one step on files. */
export function addSignCommand(program: Command, host: CommandHost): void {
  withSignOptions(program).action(async (image, options) => {
    const { edge } = host;
    const output = new Output(edge, options);
    if (await isDirectory(resolve(edge.directory, image))) {
      const { signRelease } = await import('../sign-release.ts');
      await signRelease({ ...releaseSigning(image, options, edge.directory), edge, output });
      return;
    }
    if (options.force === true)
      throw usage('--force is for release directories: files are replaced');
    const job: SignJob = {
      ...secretOptions(edge),
      signal: edge.signal,
      note: (message) => {
        renderEvent({ kind: 'note', message }, output);
      },
      warn: (code, message) => {
        renderEvent({ kind: 'warning', code, message }, output);
      },
      image,
      data: options.data === true,
      existing:
        options.append === true ? 'append' : options.replace === true ? 'replace' : 'refuse',
      ...(options.chip === undefined ? {} : { chip: options.chip }),
      ...(options.scheme === undefined ? {} : { scheme: options.scheme }),
      ...(options.securePad === undefined ? {} : { securePad: options.securePad }),
    };
    const action = actionOf(options);
    const { runSignAction } = await import('../sign-file.ts');
    await runSignAction(action, {
      job,
      output,
      target: targetOf(image, options, action),
      inPlace: options.inPlace === true,
    });
  });
}

function withKeyOptions(program: Command) {
  return withOutputOptions(
    program
      .command('sign')
      .argument(
        '<path>',
        'app, bootloader or partition table, with --data anything else; or a release directory',
      )
      .description(
        'sign a file, put signatures that were made elsewhere into it, or take them away; or make a signed release of a release',
      )
      .optionsGroup('Signing here:')
      .option(
        '--key <ref>',
        'key reference: FILE, env:NAME, pkcs11:…, command:… or dev; up to three times',
        collect,
      )
      .optionsGroup('Signing elsewhere:')
      .option('--digest-out <file>', 'write the digest to be signed, and what it is to FILE.json')
      .option('--contents-out <file>', 'write the bytes that the digest covers as well')
      .option('--public-key <file>', 'key (PEM) that signs elsewhere; once for each key', collect)
      .option(
        '--signature <file>',
        'signature to put in, by the --public-key in the same place of the command line',
        collect,
      )
      .optionsGroup('What is there already:')
      .addOption(
        new Option('--append', 'keep the signatures and put the new ones behind them').conflicts([
          'replace',
          'strip',
        ]),
      )
      .addOption(
        new Option('--replace', 'take the signatures away and sign anew').conflicts('strip'),
      )
      .option('--strip', 'take the signatures away and sign nothing'),
  );
}

function withSignOptions(program: Command) {
  return withKeyOptions(program)
    .optionsGroup('How:')
    .addOption(
      new Option(
        '--scheme <name>',
        'scheme (default: what the keys are for); v1 is Secure Boot V1 of the ESP32',
      ).choices(SCHEMES),
    )
    .option('--data', 'a data partition, for devices that verify it; needs --chip')
    .option('--chip <name>', 'chip that verifies it, where the file does not tell')
    .option(
      '--secure-pad',
      'pad an app to a flash page, so that all of it is signed (not v1: default)',
    )
    .option('--no-secure-pad', 'sign an app as it is')
    .optionsGroup('Writing:')
    .addOption(
      new Option(
        '-o, --out <path>',
        'file to write; for a release, the directory that the signed one goes into',
      ).conflicts('inPlace'),
    )
    .option('--in-place', 'write to the file itself, or in the place of the release')
    .option('--force', 'replace a release directory that is there already');
}

type SignOptions = ReturnType<ReturnType<typeof withSignOptions>['opts']>;

export type SignAction =
  | {
      readonly kind: 'sign';
      readonly keys: readonly string[];
      readonly signatures: readonly string[];
      readonly publicKeys: readonly string[];
    }
  | {
      readonly kind: 'request';
      readonly publicKeys: readonly string[];
      readonly digestOut: string;
      readonly contentsOut?: string;
    }
  | { readonly kind: 'strip' };

function actionOf(options: SignOptions): SignAction {
  const { key: keys = [], signature: signatures = [], publicKey: publicKeys = [] } = options;
  const { digestOut, contentsOut, strip } = options;
  const signs = keys.length + signatures.length > 0;
  if (strip === true) {
    if (signs || digestOut !== undefined) throw usage('--strip signs nothing: leave the keys away');
    return { kind: 'strip' };
  }
  if (digestOut !== undefined) {
    if (signs) throw usage('--digest-out signs nothing: leave --key and --signature away');
    return {
      kind: 'request',
      publicKeys,
      digestOut,
      ...(contentsOut === undefined ? {} : { contentsOut }),
    };
  }
  if (contentsOut !== undefined) throw usage('--contents-out goes with --digest-out');
  if (!signs)
    throw usage(
      'nothing to do was named',
      'Name a key (--key), signatures made elsewhere (--signature, --public-key), --digest-out or --strip.',
    );
  if (signatures.length !== publicKeys.length) {
    throw usage(
      `${signatures.length} --signature and ${publicKeys.length} --public-key were named; every signature needs its key`,
    );
  }
  return { kind: 'sign', keys, signatures, publicKeys };
}

/** Options that are for files. */
const FOR_FILES = [
  ['append', '--append'],
  ['strip', '--strip'],
  ['data', '--data'],
  ['chip', '--chip'],
  ['digestOut', '--digest-out'],
  ['contentsOut', '--contents-out'],
  ['publicKey', '--public-key'],
  ['signature', '--signature'],
  ['securePad', '--secure-pad and --no-secure-pad'],
] as const;

function releaseSigning(
  directory: string,
  options: SignOptions,
  projectDirectory: string,
): Omit<ReleaseSigning, 'edge' | 'output'> {
  const { key: keys = [], scheme, out } = options;
  const [misplaced] = FOR_FILES.filter(([name]) => options[name] !== undefined);
  if (misplaced !== undefined)
    throw usage(`${misplaced[1]} is for files, and ${directory} is a directory`);
  if (scheme === 'v1')
    throw usage('a release is signed for Secure Boot V2: --scheme v1 is for files');
  if (keys.length === 0) throw usage(`no key was named to sign ${directory} with`, 'Use --key.');
  if (out === undefined && options.inPlace !== true)
    throw usage('where to write was not named', 'Use --out DIR, or --in-place.');
  return {
    request: { projectDirectory, directory, keys, scheme, replace: options.replace === true },
    out,
    force: options.force === true,
  };
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

/** Where the result goes: never onto the file itself, unless asked for. */
function targetOf(image: string, { out, inPlace }: SignOptions, { kind }: SignAction): string {
  if (kind === 'request') {
    if (out === undefined && inPlace !== true) return '';
    throw usage('--digest-out signs nothing: leave --out and --in-place away');
  }
  if (inPlace === true) return image;
  if (out !== undefined) return out;
  throw usage('where to write was not named', 'Use --out FILE, or --in-place.');
}

function usage(message: string, hint?: string): UsageError {
  return new UsageError('USAGE', message, hint === undefined ? {} : { hint });
}

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

import { Option, type Command } from '@commander-js/extra-typings';
import { UsageError } from '../../errors/families.ts';
import type { SignJob } from '../../sign/run-sign.ts';
import { secretOptions } from '../ask-secret.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { renderEvent } from '../render/events.ts';
import { withOutputOptions } from './plan-options.ts';

const SCHEMES = ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192', 'v1'] as const;

/** `ota-build sign`: one step on files. */
export function addSignCommand(program: Command, host: CommandHost): void {
  withSignOptions(program).action(async (image, options) => {
    const { edge } = host;
    const output = new Output(edge, options);
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

function withSignOptions(program: Command) {
  return withOutputOptions(
    program
      .command('sign')
      .argument('<image>', 'app, bootloader or partition table; with --data anything else')
      .description(
        'sign a file, put signatures that were made elsewhere into it, or take them away',
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
      .option('--strip', 'take the signatures away and sign nothing')
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
      .addOption(new Option('-o, --out <file>', 'file to write').conflicts('inPlace'))
      .option('--in-place', 'write to the file itself'),
  );
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

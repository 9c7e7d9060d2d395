import type { Command } from '@commander-js/extra-typings';
import { relative, resolve } from 'node:path';
import { UsageError } from '../../errors/families.ts';
import type { FetchRequest, Wanted } from '../../fetch/request.ts';
import { summariseRelease } from '../github/summarise-release.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';

const STABLE = 'stable';
const NAME = /^[A-Za-z0-9_]{1,128}$/;
const CHANNEL = /^[a-z][a-z0-9-]{0,31}$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,30}$/;

/** `ota-build fetch`: from where a release was published to a verified release directory, and onto a device. */
export function addFetchCommand(program: Command, host: CommandHost): void {
  withOutputOptions(
    program
      .command('fetch')
      .argument('<source>', 'dir:PATH or a path, an http(s) address, github:OWNER/REPO, or a .zip'),
  )
    .description('fetch a published release, verify all of it, and say how to flash it')
    .optionsGroup('What to fetch:')
    .requiredOption('--board <name>', 'board that it is for')
    .option('--variant <name>', 'variant of the board')
    .option('--channel <name>', 'the version that this channel has now (default: stable)')
    .option('--version <version>', 'this version, of whatever channel')
    .optionsGroup('Trust:')
    .option('--trust <file>', 'public key in PEM, or a trust.yaml, whose keys must have signed')
    .option('--allow-unsigned', 'take what nobody signed')
    .option('--allow-development', 'take what a development key signed')
    .option('--allow-drill', 'take a rollback drill')
    .option('--drill', 'the same')
    .optionsGroup('Writing:')
    .option('--out <dir>', 'directory that the release directory goes into', 'out')
    .option('--flash <port>', 'write it to the device at this serial port, with esptool')
    .action(async (source, options) => {
      const { edge } = host;
      const output = new Output(edge, options);
      const { Context } = await import('../../pipeline/context.ts');
      const { fetchRelease } = await import('../../fetch/fetch-release.ts');
      const { findFlasher, flash, requireFlashable } = await import('../../fetch/flash.ts');
      const { fetchedJson, renderFetched, renderFetchEvent } = await import('../render/fetch.ts');
      const request = requestOf(source, options, edge.directory);
      const context = new Context({
        projectDirectory: edge.directory,
        environment: edge.environment,
        signal: edge.signal,
        emit: (event) => {
          renderFetchEvent(event, output);
        },
      });
      const flasher =
        options.flash === undefined ? undefined : await findFlasher(context, options.flash);
      const fetched = await fetchRelease(context, request);
      const { manifest } = fetched.verification;
      if (flasher !== undefined && manifest !== undefined) {
        requireFlashable(manifest);
        await flash(context, flasher, { directory: fetched.directory, manifest });
      }
      if (manifest !== undefined) await summariseRelease(manifest, output);
      const shown = {
        fetched,
        directory: relative(edge.directory, fetched.directory) || '.',
        warnings: context.warnings,
        ...(flasher === undefined ? {} : { flashed: flasher.port }),
      };
      output.result(fetchedJson(shown), () => renderFetched(shown, output));
    });
}

type FetchOptions = {
  readonly board: string;
  readonly variant?: string | undefined;
  readonly channel?: string | undefined;
  readonly version?: string | undefined;
  readonly trust?: string | undefined;
  readonly allowUnsigned?: true | undefined;
  readonly allowDevelopment?: true | undefined;
  readonly allowDrill?: true | undefined;
  readonly drill?: true | undefined;
  readonly out: string;
};

function requestOf(source: string, options: FetchOptions, directory: string): FetchRequest {
  const { variant, trust } = options;
  return {
    source,
    board: checked(options.board, NAME, 'the name of a board'),
    ...(variant === undefined ? {} : { variant: checked(variant, NAME, 'the name of a variant') }),
    wanted: wantedOf(options.channel, options.version),
    ...(trust === undefined ? {} : { trust }),
    out: resolve(directory, options.out),
    allow: {
      unsigned: options.allowUnsigned === true,
      development: options.allowDevelopment === true,
      drill: options.drill === true || options.allowDrill === true,
    },
  };
}

function wantedOf(channel: string | undefined, version: string | undefined): Wanted {
  if (channel !== undefined && version !== undefined)
    throw new UsageError('USAGE', '--channel and --version exclude each other', {
      hint: 'A version is found whatever channel it was published to.',
    });
  if (version !== undefined)
    return { kind: 'version', version: checked(version, VERSION, 'a version') };
  return { kind: 'channel', channel: checked(channel ?? STABLE, CHANNEL, 'the name of a channel') };
}

/** These name directories here and at the source. */
function checked(text: string, pattern: RegExp, what: string): string {
  if (pattern.test(text)) return text;
  throw new UsageError('USAGE', `${JSON.stringify(text)} is not ${what}`);
}

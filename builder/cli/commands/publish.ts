import type { Command } from '@commander-js/extra-typings';
import type { GateName } from '../../publish/gates.ts';
import { secretOptions } from '../ask-secret.ts';
import { UsageError } from '../../errors/families.ts';
import { summariseRelease } from '../github/summarise-release.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { renderEvent } from '../render/events.ts';
import { printable } from '../render/printable.ts';
import { withOutputOptions } from './plan-options.ts';

/** `ota-build publish`: release directories go to where others fetch them. */
export function addPublishCommand(program: Command, host: CommandHost): void {
  withPublishOptions(program).action(async (releases, options) => {
    const { edge } = host;
    const output = new Output(edge, options);
    const { to: targets = [], channel, key: keys = [], trust, tag } = options;
    if (targets.length === 0)
      throw new UsageError('USAGE', 'where to publish was not named', {
        hint: 'Name a target, as in --to dir:PATH or --to github:OWNER/REPO.',
      });
    const dryRun = options.dryRun === true;
    if (releases.length === 0 && !dryRun)
      throw new UsageError('USAGE', 'no release directory was named', {
        hint: 'Name what `ota-build` made, as in out/BOARD-1.2.3; with --dry-run the targets are checked without any.',
      });
    const out: string[] = [];
    const { runPublish } = await import('../../publish/run-publish.ts');
    const { publishJson, renderPublish } = await import('../render/publish.ts');
    try {
      const outcome = await runPublish({
        ...secretOptions(edge),
        releases,
        targets,
        ...(channel === undefined ? {} : { channel }),
        ...(tag === undefined ? {} : { tag }),
        keys,
        ...(trust === undefined ? {} : { trust }),
        allow: allowedBy(options),
        dryRun,
        signal: edge.signal,
        note: (message) => {
          renderEvent({ kind: 'note', message }, output);
        },
        warn: (code, message) => {
          renderEvent({ kind: 'warning', code, message }, output);
        },
        done: (target, { stem, place }) => {
          out.push(`${stem} is out: ${place}`);
          output.progress(
            `${output.colours.green('✓')} ${printable(stem)} to ${printable(target)}`,
          );
        },
      });
      for (const { release } of outcome.publications)
        await summariseRelease(release.manifest, output);
      output.result(publishJson(outcome, dryRun), () => renderPublish(outcome, output));
    } catch (error) {
      // What others can fetch by now stays, whatever became of the rest.
      for (const line of out) output.alert(printable(line));
      throw error;
    }
  });
}

function withPublishOptions(program: Command) {
  return withOutputOptions(
    program
      .command('publish')
      .argument('[dir...]', 'release directories, as `ota-build` made them')
      .description('publish releases: each appears whole or not at all, and never changes again')
      .optionsGroup('Where to:')
      .option(
        '--to <target>',
        'dir:PATH, a tree that any web server serves, or github:OWNER/REPO (GITHUB_TOKEN); more than once for more targets',
        collect,
      )
      .option(
        '--channel <name>',
        'channel (default: stable, or what the version says: 1.3.0-beta.2 is beta; drill for a drill)',
      )
      .option('--tag <tag>', 'tag of the release on GitHub (default: v<version>)')
      .option(
        '--dry-run',
        'check everything and publish nothing; without a directory, that the targets can be published to: a place to write, a token with the right',
      )
      .optionsGroup('Who says so:')
      .option(
        '--key <ref>',
        'key that signs the index: a file, env:NAME, pkcs11:…, command:… or dev; up to three times',
        collect,
      )
      .option('--trust <file>', 'public key in PEM, or a trust.yaml, whose keys must have signed')
      .optionsGroup('On purpose:')
      .option('--allow-unsigned', 'publish what is not signed, or an index that nobody signs')
      .option(
        '--allow-unverified',
        'publish what does not pass `verify`, or into an index that is not trusted',
      )
      .option('--allow-development', 'publish what a development key signed')
      .option('--allow-drill', 'publish the rollback drill')
      .option('--drill', 'the same')
      .option('--allow-secure-version', "publish a secure_version below the channel's")
      .option(
        '--allow-not-newer',
        'publish a version that is not newer than what the channel has; the channel goes back to it',
      )
      .option('--allow-dirty', 'publish what was made from sources with uncommitted changes'),
  );
}

type PublishOptions = ReturnType<ReturnType<typeof withPublishOptions>['opts']>;

function allowedBy(options: PublishOptions): ReadonlySet<GateName> {
  const flags: readonly (readonly [GateName, boolean | undefined])[] = [
    ['unsigned', options.allowUnsigned],
    ['unverified', options.allowUnverified],
    ['development', options.allowDevelopment],
    ['drill', options.allowDrill ?? options.drill],
    ['secure-version', options.allowSecureVersion],
    ['not-newer', options.allowNotNewer],
    ['dirty', options.allowDirty],
  ];
  return new Set(flags.flatMap(([gate, allowed]) => (allowed === true ? [gate] : [])));
}

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

import { Option, type Command } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { FleetRelease } from '../../keys/rotation/fleet.ts';
import type { NextKey } from '../../keys/rotation/plan-rotation.ts';
import { secretOptions } from '../ask-secret.ts';
import { Output } from '../output.ts';
import type { ProcessEdge } from '../process-edge.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';

const EXIT_VERIFICATION = 9;
const CHECKS = ['none', 'on-update', 'secure-boot'] as const;

/** `ota-build keys rotate`: whether a fleet survives other keys, proved with the releases that it runs. */
export function addRotate(keys: Command, host: CommandHost): void {
  const { edge } = host;
  withOutputOptions(keys.command('rotate'))
    .description(
      'plan a change of keys, and refuse (exit 9) one after which a device could not verify the next release; changes nothing',
    )
    .requiredOption('--from <directory...>', 'every release that devices may run')
    .addOption(
      new Option(
        '--key <file...>',
        'public or private keys that the next release is to be signed by, in that order',
      ).conflicts('to'),
    )
    .option('--to <directory>', 'the next release, when it is made already')
    .option('--burnt <file...>', 'keys whose digests are in eFuse and not revoked, slot 0 first')
    .addOption(
      new Option(
        '--checks <who>',
        'who checks signatures on devices; needed where the releases do not tell',
      ).choices(CHECKS),
    )
    .action(async ({ from, key, to, burnt, checks, ...options }) => {
      const output = new Output(edge, options);
      const { readFleetRelease } = await import('../../keys/rotation/fleet.ts');
      const { planRotation } = await import('../../keys/rotation/plan-rotation.ts');
      const { renderRotation } = await import('../render/rotation.ts');
      const { UsageError } = await import('../../errors/families.ts');
      const read = (directory: string): Promise<FleetRelease> =>
        readFleetRelease(resolve(edge.directory, directory), directory);
      const [first, ...others] = await inOrder(from, read);
      if (first === undefined || (key === undefined && to === undefined))
        throw new UsageError(
          'USAGE',
          'the keys of the next release are missing: --key FILE, or --to DIRECTORY',
        );
      const who = checks ?? first.checks ?? (await unsaidChecks(first.name));
      const made = to === undefined ? undefined : await read(to);
      const next = made === undefined ? await readKeys(key ?? [], edge, output) : keysOf(made);
      const plan = planRotation({
        releases: [first, ...others],
        next,
        ...(made === undefined ? {} : { to: made }),
        checks: who,
        ...(burnt === undefined
          ? {}
          : { burnt: (await readKeys(burnt, edge, output)).map(({ digest }) => digest) }),
      });
      const notes = [...plan.notes, ...(await untrusted(next, edge))];
      const ok = plan.refusals.length === 0;
      output.result({ ok, checks: who, next, ...plan, notes }, () =>
        renderRotation({ ...plan, notes }, output),
      );
      if (!ok) host.setExit(EXIT_VERIFICATION);
    });
}

async function unsaidChecks(name: string): Promise<never> {
  const { UsageError } = await import('../../errors/families.ts');
  throw new UsageError('USAGE', `${name} does not tell who checks signatures on devices`, {
    hint: `Say it with --checks: ${CHECKS.join(', ')}.`,
  });
}

/** One after the other: a release can be large, and a key can ask for its passphrase. */
async function inOrder<T>(
  names: readonly string[],
  read: (name: string) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (const name of names) results.push(await read(name));
  return results;
}

async function readKeys(
  files: readonly string[],
  edge: ProcessEdge,
  output: Output,
): Promise<readonly NextKey[]> {
  const { readKeyDigest } = await import('../../keys/key-digest.ts');
  return inOrder(files, async (name) => {
    const path = resolve(edge.directory, name);
    const { digest, scheme, development } = await readKeyDigest(path, name, secretOptions(edge));
    if (development)
      output.alert(`warning: ${name} is a development key: whoever has it can sign for the fleet`);
    return { name, digest: digest.toString('hex'), scheme };
  });
}

function keysOf({ appKeys, scheme }: FleetRelease): readonly NextKey[] {
  return appKeys.map((digest) => ({ name: digest, digest, scheme }));
}

/** Keys that the project's own trust file does not count: `verify` would refuse a release by them alone. */
async function untrusted(next: readonly NextKey[], edge: ProcessEdge): Promise<readonly string[]> {
  const { projectTrust } = await import('../../verify/trust.ts');
  const trust = await projectTrust(edge.directory);
  if (trust === undefined) return [];
  return (['image', 'manifest'] as const).flatMap((role) => {
    const { trustedKeys, refusedKeys } = trust[role];
    return next
      .filter(({ digest }) => !trustedKeys.some((key) => key.toString('hex') === digest))
      .map(
        ({ name, digest }) =>
          `${trust.file} does not count ${name} for ${role} signatures: ${refusedKeys?.get(digest) ?? 'it is not listed'}.`,
      );
  });
}

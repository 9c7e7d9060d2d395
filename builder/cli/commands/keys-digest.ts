import { InvalidArgumentError, Option, type Command } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { Chip } from '../../chip/chip.ts';
import type { KeyDigest } from '../../keys/key-digest.ts';
import { secretOptions } from '../ask-secret.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';

type NamedDigest = KeyDigest & { readonly file: string };

/** `ota-build keys digest`: what eFuse holds of keys, and with --efuse how it gets there. */
export function addDigest(keys: Command, { edge }: CommandHost): void {
  withOutputOptions(keys.command('digest').argument('<file...>', 'public or private keys, in PEM'))
    .description(
      'print the digest of a key as eFuse holds it (espsecure digest-sbv2-public-key), or the commands that burn it',
    )
    .option(
      '-o, --output <path>',
      'write the 32 bytes of the digest to this file as well; with --efuse, the directory of the digest files',
    )
    .optionsGroup('eFuse:')
    .option(
      '--efuse',
      'write the digest files and print the espefuse commands that burn them, which are never run',
    )
    .option('--chip <name>', 'chip that they are for, such as esp32s3')
    .addOption(
      new Option('--first-block <number>', 'first key block to burn to')
        .argParser(parseBlock)
        .default(0),
    )
    .action(async (files, options) => {
      const output = new Output(edge, options);
      const { readKeyDigest } = await import('../../keys/key-digest.ts');
      const digests: NamedDigest[] = [];
      for (const file of files) {
        const path = resolve(edge.directory, file);
        digests.push({ file, ...(await readKeyDigest(path, file, secretOptions(edge))) });
      }
      if (options.efuse === true) {
        const chip = await requireChip(options.chip);
        const place = { directory: edge.directory, target: options.output ?? '.' };
        await printEfusePlan(digests, { chip, firstBlock: options.firstBlock, ...place }, output);
        return;
      }
      if (options.output !== undefined) await writeDigest(digests, edge.directory, options.output);
      printDigests(digests, options.output, output);
    });
}

function parseBlock(value: string): number {
  if (/^[0-5]$/.test(value)) return Number(value);
  throw new InvalidArgumentError('expected a number from 0 to 5');
}

async function requireChip(name: string | undefined): Promise<Chip> {
  const { CHIPS, findChipByName } = await import('../../chip/registry.ts');
  const chip = name === undefined ? undefined : findChipByName(name);
  if (chip !== undefined) return chip;
  const { UsageError } = await import('../../errors/families.ts');
  const message =
    name === undefined
      ? '--efuse needs the chip that the commands are for'
      : `there is no chip '${name}'`;
  throw new UsageError('USAGE', message, {
    hint: `Name one with --chip: ${CHIPS.map((each) => each.name).join(', ')}.`,
  });
}

async function writeDigest(
  digests: readonly NamedDigest[],
  directory: string,
  target: string,
): Promise<void> {
  const [only, another] = digests;
  if (only === undefined || another !== undefined) {
    const { UsageError } = await import('../../errors/families.ts');
    throw new UsageError(
      'USAGE',
      '--output takes the digest of one key; with --efuse, a directory',
    );
  }
  const { requireOtherFile } = await import('../../files/other-file.ts');
  const { writeFileAtomically } = await import('../../files/write-file.ts');
  await requireOtherFile(directory, [only.file], target);
  await writeFileAtomically(resolve(directory, target), only.digest);
}

function printDigests(
  digests: readonly NamedDigest[],
  target: string | undefined,
  output: Output,
): void {
  const keys = digests.map(({ file, scheme, digest }) => ({
    file,
    scheme,
    digest: digest.toString('hex'),
  }));
  const [first, ...others] = keys;
  if (first !== undefined && others.length === 0) {
    const { scheme, digest } = first;
    output.result(
      { ok: true, scheme, digest, ...(target === undefined ? {} : { output: target }) },
      () => digest,
    );
    return;
  }
  output.result({ ok: true, keys }, () =>
    keys.map(({ file, digest }) => `${digest}  ${file}`).join('\n'),
  );
}

type EfuseRequest = {
  readonly chip: Chip;
  readonly firstBlock: number;
  readonly directory: string;
  readonly target: string;
};

async function printEfusePlan(
  digests: readonly NamedDigest[],
  { chip, firstBlock, directory, target }: EfuseRequest,
  output: Output,
): Promise<void> {
  const { planEfuses } = await import('../../keys/efuse-plan.ts');
  const { digestFileName, writeDigestFiles } = await import('../../keys/efuse-files.ts');
  const { efusePlanJson, renderEfusePlan } = await import('../render/efuse-plan.ts');
  const keys = digests.map((key) => ({
    ...key,
    name: key.file,
    file: digestFileName(target, key.file, chip.secureBootV2.keyDigestLength),
  }));
  const plan = planEfuses(chip, keys, firstBlock);
  await writeDigestFiles(directory, plan);
  for (const { name, development } of keys) {
    if (development)
      output.alert(`warning: ${name} is a development key: a chip that trusts it does so for ever`);
  }
  output.result(efusePlanJson(chip, plan), () => renderEfusePlan(chip, plan));
}

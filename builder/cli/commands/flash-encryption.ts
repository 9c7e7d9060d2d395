import { InvalidArgumentError, Option, type Command } from '@commander-js/extra-typings';
import { CHIPS, findChipByName } from '../../chip/registry.ts';
import { UsageError } from '../../errors/families.ts';
import { hex } from '../../errors/hex.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { renderEvent } from '../render/events.ts';
import { printable } from '../render/printable.ts';
import { withOutputOptions } from './plan-options.ts';

/** `ota-build encrypt-flash-data` and `decrypt-flash-data`: flash encryption on the host, for flashing what is encrypted. */
export function addFlashEncryptionCommands(program: Command, host: CommandHost): void {
  add(
    program
      .command('encrypt-flash-data')
      .description('encrypt a file as it lies in encrypted flash, with the key of the device'),
    'encrypt',
    host,
  );
  add(
    program
      .command('decrypt-flash-data')
      .description('decrypt what was read from encrypted flash, with the key of the device'),
    'decrypt',
    host,
  );
}

function add(command: Command, direction: 'encrypt' | 'decrypt', { edge }: CommandHost): void {
  withOutputOptions(
    command
      .argument('<file>', direction === 'encrypt' ? 'plain file' : 'encrypted file')
      .optionsGroup('Encryption:')
      .addOption(
        new Option('--chip <name>', 'chip, which decides the algorithm')
          .choices(CHIPS.map(({ name }) => name))
          .makeOptionMandatory(),
      )
      .requiredOption('-k, --key <file>', 'flash encryption key: 32 or 64 raw bytes')
      .requiredOption(
        '-a, --address <offset>',
        'flash offset of the first byte, such as 0x10000; a multiple of 16',
        parseNumber,
      )
      .option(
        '--flash-crypt-conf <n>',
        'eFuse FLASH_CRYPT_CONFIG of an ESP32, 0 to 15 (default: 15)',
        parseConfig,
      )
      .optionsGroup('Writing:')
      .requiredOption('-o, --out <file>', 'file to write'),
  ).action(async (file, options) => {
    const output = new Output(edge, options);
    const chip = findChipByName(options.chip);
    if (chip === undefined) throw new UsageError('USAGE', `there is no chip '${options.chip}'`);
    const { transformFlashData } = await import('../../flash-encryption/flash-data.ts');
    const report = await transformFlashData({
      projectDirectory: edge.directory,
      direction,
      input: file,
      output: options.out,
      keyFile: options.key,
      chip,
      address: options.address,
      ...(options.flashCryptConf === undefined ? {} : { cryptConfig: options.flashCryptConf }),
      warn: (code, message) => {
        renderEvent({ kind: 'warning', code, message }, output);
      },
    });
    output.result({ ok: true, ...report }, () =>
      printable(
        `${report.output}: ${direction}ed for ${chip.title} at ${hex(report.address)}, ${report.algorithm}, ${hex(report.size)} bytes`,
      ),
    );
  });
}

function parseNumber(text: string): number {
  const number = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN;
  if (number <= 0xffffffff) return number;
  throw new InvalidArgumentError('expected a number such as 4096 or 0x1000.');
}

function parseConfig(text: string): number {
  const number = parseNumber(text);
  if (number <= 15) return number;
  throw new InvalidArgumentError('expected 0 to 15.');
}

import { Option, type Command } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';

const SCHEMES = ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'] as const;

/** `ota-build keys`: making keys, and the digests that eFuse holds. */
export function addKeysCommand(program: Command, host: CommandHost): void {
  const keys = program
    .command('keys')
    .description('make signing keys, and print the digests that eFuse holds');
  addGenerate(keys, host);
  addDigest(keys, host);
}

function addGenerate(keys: Command, { edge }: CommandHost): void {
  withOutputOptions(
    keys
      .command('generate')
      .argument('<file>', 'where the private key goes, such as keys/release.pem'),
  )
    .description(
      'make a key pair: FILE (private, mode 0600) and FILE with .pub.pem (public); never overwrites',
    )
    .addOption(
      new Option('--scheme <name>', 'signature scheme')
        .choices(SCHEMES)
        .default('rsa3072' as const),
    )
    .action(async (file, options) => {
      const output = new Output(edge, options);
      const { createKeyFiles } = await import('../../keys/key-files.ts');
      const made = await createKeyFiles(resolve(edge.directory, file), options.scheme);
      const { privateFile, publicFile, digest } = made;
      output.result({ ok: true, scheme: options.scheme, privateFile, publicFile, digest }, () =>
        [
          `private key  ${privateFile}  (${options.scheme}, keep it secret: whoever has it can sign updates)`,
          `public key   ${publicFile}`,
          `eFuse digest ${digest}`,
        ].join('\n'),
      );
    });
}

function addDigest(keys: Command, { edge }: CommandHost): void {
  withOutputOptions(keys.command('digest').argument('<file>', 'public or private key in PEM'))
    .description('print the digest of a key as eFuse holds it (espsecure digest-sbv2-public-key)')
    .option('-o, --output <file>', 'write the 32 bytes of the digest to a file as well')
    .action(async (file, options) => {
      const output = new Output(edge, options);
      const { readKeyDigest } = await import('../../keys/key-digest.ts');
      const { writeFileAtomically } = await import('../../files/write-file.ts');
      const { digest, scheme } = await readKeyDigest(resolve(edge.directory, file), file);
      if (options.output !== undefined)
        await writeFileAtomically(resolve(edge.directory, options.output), digest);
      const hex = digest.toString('hex');
      output.result(
        {
          ok: true,
          scheme,
          digest: hex,
          ...(options.output === undefined ? {} : { output: options.output }),
        },
        () => hex,
      );
    });
}

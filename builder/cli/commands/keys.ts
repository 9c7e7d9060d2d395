import { Option, type Command } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import { secretOptions } from '../ask-secret.ts';
import { Output } from '../output.ts';
import type { ProcessEdge } from '../process-edge.ts';
import type { CommandHost } from '../program.ts';
import { addDigest } from './keys-digest.ts';
import { addRotate } from './keys-rotate.ts';
import { addTrust } from './keys-trust.ts';
import { withOutputOptions } from './plan-options.ts';

const SCHEMES = ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'] as const;

/** `ota-build keys`: making keys, their public halves, the digests that eFuse holds, whose signatures count, and changing keys. */
export function addKeysCommand(program: Command, host: CommandHost): void {
  const keys = program
    .command('keys')
    .description(
      'make signing keys, print the digests that eFuse holds, say which keys count, and plan a change of keys',
    );
  addGenerate(keys, host);
  addPublic(keys, host);
  addDigest(keys, host);
  addRotate(keys, host);
  addTrust(keys, host);
}

function addGenerate(keys: Command, { edge }: CommandHost): void {
  withOutputOptions(
    keys
      .command('generate')
      .argument('<file>', 'where the private key goes, such as keys/release.pem'),
  )
    .description(
      'make a key pair: FILE (private, under a passphrase, mode 0600) and FILE with .pub.pem (public); never overwrites',
    )
    .addOption(
      new Option('--scheme <name>', 'signature scheme')
        .choices(SCHEMES)
        .default('rsa3072' as const),
    )
    .addOption(
      new Option(
        '--passphrase-source <source>',
        'where the passphrase is kept: file:PATH or env:NAME (default: OTA_BUILD_KEY_PASSPHRASE, else you are asked)',
      ).conflicts('unencrypted'),
    )
    .option('--unencrypted', 'write the private key without a passphrase')
    .action(async (file, options) => {
      const output = new Output(edge, options);
      const { createKeyFiles } = await import('../../keys/key-files.ts');
      const made = await createKeyFiles(resolve(edge.directory, file), {
        scheme: options.scheme,
        passphrase: () => passphraseFor(options, edge),
        signal: edge.signal,
      });
      const { privateFile, publicFile, digest } = made;
      const encrypted = options.unencrypted !== true;
      const result = {
        ok: true,
        scheme: options.scheme,
        privateFile,
        publicFile,
        digest,
        encrypted,
      };
      const guarded = encrypted
        ? 'under its passphrase: keep both, apart from each other'
        : 'not encrypted, keep it secret: whoever has it can sign updates';
      output.result(result, () =>
        [
          `private key  ${privateFile}  (${options.scheme}, ${guarded})`,
          `public key   ${publicFile}`,
          `eFuse digest ${digest}`,
        ].join('\n'),
      );
    });
}

async function passphraseFor(
  options: { readonly passphraseSource?: string; readonly unencrypted?: true },
  edge: ProcessEdge,
): Promise<string | undefined> {
  if (options.unencrypted === true) return undefined;
  const { newPassphrase } = await import('../../keys/passphrase.ts');
  const { parseSecretSource } = await import('../../keys/secret-source.ts');
  const { passphraseSource: source } = options;
  return newPassphrase(
    source === undefined ? undefined : parseSecretSource(source, '--passphrase-source'),
    secretOptions(edge),
  );
}

function addPublic(keys: Command, { edge }: CommandHost): void {
  withOutputOptions(
    keys
      .command('public')
      .alias('show')
      .argument('<key>', 'key reference: FILE, env:NAME, pkcs11:…, command:… or dev'),
  )
    .description('print the public key of any key that can sign, in PEM')
    .option('-o, --output <file>', 'write it to a file instead')
    .action(async (key, options) => {
      const output = new Output(edge, options);
      const { checkKeyReference } = await import('../../plan/check-names.ts');
      const { filesOfReference, parseKeyReference } = await import('../../keys/key-reference.ts');
      const { requireOtherFile } = await import('../../files/other-file.ts');
      const { openSigner } = await import('../../keys/open-signer.ts');
      const { DEVELOPMENT_MARK } = await import('../../keys/private-key.ts');
      const { writeFileAtomically } = await import('../../files/write-file.ts');
      const reference = checkKeyReference(key);
      if (options.output !== undefined) {
        const inputs = filesOfReference(parseKeyReference(reference));
        await requireOtherFile(edge.directory, inputs, options.output);
      }
      const signer = await openSigner(reference, {
        ...secretOptions(edge),
        scheme: 'rsa3072',
        signal: edge.signal,
        note: (message) => {
          output.progress(message);
        },
        warn: (_, message) => {
          output.alert(`warning: ${message}`);
        },
      });
      const { scheme, development } = signer;
      const mark = development ? `${DEVELOPMENT_MARK}\n` : '';
      const pem = `${mark}${signer.publicKey.export({ type: 'spki', format: 'pem' }).toString()}`;
      const digest = signer.digest.toString('hex');
      if (options.output !== undefined)
        await writeFileAtomically(resolve(edge.directory, options.output), Buffer.from(pem));
      output.result({ ok: true, scheme, digest, development, publicKey: pem }, () =>
        options.output === undefined ? pem : `${options.output}  (${scheme}, digest ${digest})`,
      );
    });
}

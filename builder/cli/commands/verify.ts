import type { Command } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';

const EXIT_VERIFICATION = 9;

/** `ota-build verify`: the checker alone. */
export function addVerifyCommand(program: Command, host: CommandHost): void {
  withOutputOptions(
    program
      .command('verify')
      .argument('<path>', 'release directory, image, partition table or OTA data'),
  )
    .description('check a release or a file as the chip would; exit 0 only when everything holds')
    .optionsGroup('What it is:')
    .option('--data', 'the file is a signed data partition, which its bytes do not tell')
    .optionsGroup('Trust:')
    .option('--trust <file>', 'public key in PEM, or a trust.yaml, whose keys must have signed')
    .action(async (path, options) => {
      const { edge } = host;
      const output = new Output(edge, options);
      const { verifyPath } = await import('../../verify/verify-path.ts');
      const { renderVerification, verificationJson } = await import('../render/verify.ts');
      const verification = await verifyPath(resolve(edge.directory, path), {
        name: path,
        projectDirectory: edge.directory,
        ...(options.trust === undefined ? {} : { trust: options.trust }),
        data: options.data === true,
      });
      output.result(verificationJson(verification), () => renderVerification(verification, output));
      if (!verification.ok) host.setExit(EXIT_VERIFICATION);
    });
}

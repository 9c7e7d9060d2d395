import { resolve } from 'node:path';
import { FormatError, SigningError, UsageError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { askProgram, type Answer } from '../process/ask-program.ts';
import { withoutSecrets } from '../process/child-environment.ts';
import { checkedSigner } from './checked-signer.ts';
import type { KeyReference } from './key-reference.ts';
import { DEVELOPMENT_MARK } from './private-key.ts';
import { readPublicKey } from './public-key.ts';
import { type SecretOptions } from './secret-source.ts';
import type { Signer, SignRequest } from './signer.ts';
import { signerTimeout } from './signer-timeout.ts';

/** More than any signature in any form; who says more is not signing. */
const ANSWER_LIMIT = 16 * 1024;
const KEY_FILE_LIMIT = 64 * 1024;

export type CommandReference = Extract<KeyReference, { readonly kind: 'command' }>;

export type CommandOptions = SecretOptions & { readonly signal?: AbortSignal | undefined };

/**
 * A signer that is any program (keys/README.md has the protocol): the digest goes to its stdin as bytes, the signature comes
 * from its stdout, its public key is a file. It runs in the project directory, with our environment but for our secrets,
 * and OTA_BUILD_SIGN_SCHEME and OTA_BUILD_SIGN_HASH. Throws SigningError.
 */
export async function commandSigner(
  reference: string,
  command: CommandReference,
  options: CommandOptions,
): Promise<Signer> {
  const timeoutMs = signerTimeout(options);
  const text = await readPublicKeyFile(command.publicKeyFile, options);
  let said = '';
  return checkedSigner({
    reference,
    publicKey: readPublicKey(text, command.publicKeyFile),
    development: text.includes(DEVELOPMENT_MARK),
    said: () => said,
    sign: async (request) => {
      const answer = await askProgram(command.program, command.args, {
        directory: options.projectDirectory,
        environment: commandEnvironment(request, options),
        input: request.digest,
        timeoutMs,
        answerLimit: ANSWER_LIMIT,
        terminal: options.askSecret !== undefined,
        signal: options.signal,
      });
      if (answer.kind === 'ended') said = answer.errors.trim();
      return signatureOf(answer, command.program, timeoutMs);
    },
  });
}

async function readPublicKeyFile(
  file: string,
  { projectDirectory }: CommandOptions,
): Promise<string> {
  try {
    const path = resolve(projectDirectory, file);
    return (await readInput(path, 'a public key in PEM', KEY_FILE_LIMIT)).toString('utf8');
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof FormatError)) throw error;
    throw new SigningError('KEY_MISSING', error.message, {
      cause: error,
      where: { file },
      hint: 'The first word of a command: reference is the file of its public key: command:keys/release.pub.pem PROGRAM …',
    });
  }
}

function commandEnvironment(
  { scheme, hash }: SignRequest,
  { environment }: CommandOptions,
): Record<string, string | undefined> {
  return {
    ...withoutSecrets(environment),
    OTA_BUILD_SIGN_SCHEME: scheme,
    OTA_BUILD_SIGN_HASH: hash,
  };
}

function signatureOf(answer: Answer, program: string, timeoutMs: number): Buffer {
  switch (answer.kind) {
    case 'ended':
      if (answer.code === 0) return answer.answer;
      throw failed(
        answer.code === null
          ? `the signing program ${program} was ended by ${answer.signal ?? 'a signal'}`
          : `the signing program ${program} failed with exit code ${answer.code}`,
        answer.errors,
      );
    case 'not-started':
      throw failed(`the signing program ${program} cannot be run: ${answer.reason}`, '');
    case 'late':
      throw failed(
        `the signing program ${program} did not answer within ${timeoutMs / 1000} s, and was ended`,
        answer.errors,
        'OTA_BUILD_SIGNER_TIMEOUT sets another limit, in seconds.',
      );
    case 'too-much':
      throw failed(
        `the signing program ${program} answered with more than ${ANSWER_LIMIT} bytes; a signature was expected on its stdout, and nothing else`,
        answer.errors,
      );
  }
}

function failed(message: string, errors: string, hint?: string): SigningError {
  const said = errors.trim();
  return new SigningError(
    'SIGNER_FAILED',
    said === '' ? message : `${message}; it said:\n${said}`,
    {
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { FormatError, SigningError } from '../errors/families.ts';
import { packageDirectory } from '../files/package-directory.ts';
import { publicKeyOf } from '../format/signature-key.ts';
import { ECDSA_SCHEMES } from '../format/signature-scheme.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import { askProgram, type Answer } from '../process/ask-program.ts';
import { PIN_VARIABLE, withoutKeys } from '../process/child-environment.ts';
import { checkedSigner } from './checked-signer.ts';
import { DER_OCTETS, readDer } from './forge.ts';
import { findModule } from './pkcs11-module.ts';
import type { Pkcs11Uri } from './pkcs11-uri.ts';
import type { Pkcs11PublicKey, Pkcs11Reply, Pkcs11Request } from './pkcs11/exchange.ts';
import { environmentValue, readSecret, type SecretOptions } from './secret-source.ts';
import type { Signer } from './signer.ts';
import { signerTimeout } from './signer-timeout.ts';

/** The optional dependency that calls modules, in the version that package.json names. */
const PACKAGE = 'koffi';
const REPLY_LIMIT = 256 * 1024;

/** Curves by CKA_EC_PARAMS: the OID in DER (RFC 5480, section 2.1.1.1). */
const CURVES: Readonly<Record<string, (typeof ECDSA_SCHEMES)[number]>> = {
  '06082a8648ce3d030101': 'ecdsa192',
  '06082a8648ce3d030107': 'ecdsa256',
  '06052b81040022': 'ecdsa384',
};

export type Pkcs11Options = SecretOptions & { readonly signal?: AbortSignal | undefined };

type Found = Extract<Pkcs11Reply, { readonly kind: 'found' }>;

/**
 * A signer in a token (HSM, smart card) behind a PKCS#11 module. The module runs in a process of its own, once to look the key
 * up and once for every signature. The PIN comes from the URI's pin-source, from OTA_BUILD_PKCS11_PIN or from the terminal.
 * Throws SigningError.
 */
export async function pkcs11Signer(
  reference: string,
  uri: Pkcs11Uri,
  options: Pkcs11Options,
): Promise<Signer> {
  const request = requestOf(uri, findModule(uri, options));
  const given = await givenPin(uri, options);
  const first = await exchange(reference, withPin(request, given), options);
  const pin = first.kind === 'pin-needed' ? await askPin(reference, first.token, options) : given;
  const { publicKey } =
    first.kind === 'found' ? first : await find(reference, withPin(request, pin), options);
  return checkedSigner({
    reference,
    publicKey: importKey(publicKey, reference),
    development: false,
    sign: async ({ digest }) => {
      const asked = { ...withPin(request, pin), digest: digest.toString('hex') };
      const { signature } = await find(reference, asked, options);
      return Buffer.from(signature ?? '', 'hex');
    },
  });
}

function requestOf(uri: Pkcs11Uri, module: string): Pkcs11Request {
  const { object, id, token, manufacturer, model, serial, slotId } = uri;
  // JSON leaves out what is undefined.
  const match = { token, manufacturer, model, serial, slotId } as Pkcs11Request['match'];
  return {
    module,
    match,
    ...(object === undefined ? {} : { object }),
    ...(id === undefined ? {} : { id: id.toString('hex') }),
  };
}

function withPin(request: Pkcs11Request, pin: string | undefined): Pkcs11Request {
  return pin === undefined ? request : { ...request, pin };
}

async function givenPin(
  { pinSource }: Pkcs11Uri,
  options: Pkcs11Options,
): Promise<string | undefined> {
  return pinSource === undefined
    ? environmentValue(PIN_VARIABLE, options)
    : readSecret(pinSource, options);
}

async function askPin(
  reference: string,
  token: string,
  { askSecret }: Pkcs11Options,
): Promise<string> {
  if (askSecret !== undefined) return askSecret(`PIN of token '${token}': `);
  throw new SigningError(
    'PASSPHRASE_MISSING',
    `${reference} needs the PIN of token '${token}', and there is nobody to ask for it`,
    { hint: `Set ${PIN_VARIABLE}, or add pin-source=file:PATH (or env:NAME) to the reference.` },
  );
}

async function find(
  reference: string,
  request: Pkcs11Request,
  options: Pkcs11Options,
): Promise<Found> {
  const reply = await exchange(reference, request, options);
  if (reply.kind === 'found') return reply;
  throw new SigningError('SIGNER_FAILED', `${reference}: the token wants a PIN again`);
}

async function exchange(
  reference: string,
  request: Pkcs11Request,
  options: Pkcs11Options,
): Promise<Extract<Pkcs11Reply, { readonly kind: 'found' | 'pin-needed' }>> {
  const timeoutMs = signerTimeout(options);
  const script = join(packageDirectory(), 'dist', 'pkcs11-process.js');
  const answer = await askProgram(process.execPath, [script], {
    directory: options.projectDirectory,
    environment: { ...withoutKeys(options.environment), NODE_OPTIONS: undefined },
    input: Buffer.from(JSON.stringify(request)),
    timeoutMs,
    answerLimit: REPLY_LIMIT,
    answerOn: 3,
    terminal: false,
    signal: options.signal,
  });
  const reply = replyOf(answer, reference, timeoutMs);
  switch (reply.kind) {
    case 'found':
    case 'pin-needed':
      return reply;
    case 'package-missing':
      throw new SigningError(
        'SIGNER_MISSING',
        `${reference} needs the package ${PACKAGE}, an optional dependency that is not installed`,
        { hint: `Install it: npm install ${PACKAGE}` },
      );
    case 'module-unusable':
      throw failed(`${request.module} is not a PKCS#11 module that works here: ${reply.reason}`);
    case 'refused':
      throw failed(`${reference}: ${reply.reason}`, reply.hint);
  }
}

function replyOf(answer: Answer, reference: string, timeoutMs: number): Pkcs11Reply {
  if (answer.kind === 'late') {
    throw failed(
      `${reference}: the token did not answer within ${timeoutMs / 1000} s`,
      'OTA_BUILD_SIGNER_TIMEOUT sets another limit, in seconds.',
    );
  }
  if (answer.kind !== 'ended' || answer.answer.length === 0) {
    const how = answer.kind === 'ended' && answer.signal !== null ? ` (${answer.signal})` : '';
    throw failed(`${reference}: the PKCS#11 module ended without an answer${how}`);
  }
  return JSON.parse(answer.answer.toString('utf8')) as Pkcs11Reply;
}

function importKey(key: Pkcs11PublicKey, reference: string): KeyObject {
  try {
    if (key.kind === 'certificate')
      return new X509Certificate(Buffer.from(key.der, 'hex')).publicKey;
    return key.kind === 'rsa' ? importRsa(key) : importEc(key);
  } catch (error) {
    const reason = error instanceof FormatError ? `: ${error.message}` : '';
    throw new SigningError(
      'KEY_WRONG_TYPE',
      `${reference}: the public key on the token cannot be used${reason}`,
    );
  }
}

function importRsa({ modulus, exponent }: Extract<Pkcs11PublicKey, { kind: 'rsa' }>): KeyObject {
  const number = (hex: string): string =>
    Buffer.from(hex.replace(/^(00)+/, ''), 'hex').toString('base64url');
  const jwk = { kty: 'RSA', n: number(modulus), e: number(exponent) };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/** CKA_EC_POINT is the point in an OCTET STRING; some tokens leave that away. */
function importEc({ parameters, point }: Extract<Pkcs11PublicKey, { kind: 'ec' }>): KeyObject {
  const scheme = CURVES[parameters];
  if (scheme === undefined) throw new FormatError('BAD_VALUE', 'its curve has no scheme');
  const bytes = Buffer.from(point, 'hex');
  const wrapped = readDer(bytes);
  const plain = wrapped?.tag === DER_OCTETS ? wrapped.content : bytes;
  const { coordinateLength } = SIGNATURE_SCHEMES[scheme];
  if (plain[0] !== 4) throw new FormatError('BAD_VALUE', 'its point is compressed');
  const [x, y] = [plain.subarray(1, 1 + coordinateLength), plain.subarray(1 + coordinateLength)];
  return publicKeyOf({ scheme, publicKey: { x, y } });
}

function failed(message: string, hint?: string): SigningError {
  return new SigningError('SIGNER_FAILED', message, hint === undefined ? {} : { hint });
}

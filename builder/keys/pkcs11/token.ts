import { CryptokiError, type Attribute, type Cryptoki, type Mechanism } from './cryptoki.ts';
import { describeCode } from './describe-code.ts';
import type { Pkcs11PublicKey, Pkcs11Reply, Pkcs11Request, TokenMatch } from './exchange.ts';

const CKF_LOGIN_REQUIRED = 0x4;
const CKF_PROTECTED_AUTHENTICATION_PATH = 0x100;
const CKF_TOKEN_INITIALIZED = 0x400;
const CKF_USER_PIN_FINAL_TRY = 0x20000;
const CKF_USER_PIN_LOCKED = 0x40000;
const CKU_USER = 1;
const CKU_CONTEXT_SPECIFIC = 2;
const CKO_CERTIFICATE = 1;
const CKO_PUBLIC_KEY = 2;
const CKO_PRIVATE_KEY = 3;
const CKA_CLASS = 0x0;
const CKA_LABEL = 0x3;
const CKA_VALUE = 0x11;
const CKA_KEY_TYPE = 0x100;
const CKA_ID = 0x102;
const CKA_MODULUS = 0x120;
const CKA_PUBLIC_EXPONENT = 0x122;
const CKA_EC_PARAMS = 0x180;
const CKA_EC_POINT = 0x181;
const CKA_ALWAYS_AUTHENTICATE = 0x202;
const CKK_RSA = 0;
const CKK_EC = 3;
/** CKM_RSA_PKCS_PSS with CK_RSA_PKCS_PSS_PARAMS: CKM_SHA256, CKG_MGF1_SHA256, salt of 32 bytes. */
const RSA_PSS: Mechanism = { type: 0xd, parameters: [0x250, 2, 32] };
/** CKM_ECDSA: signs a digest as it is. */
const ECDSA: Mechanism = { type: 0x1041, parameters: [] };

/** A refusal that names what does not fit. */
class Refusal extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Finds one token and one private key on it, and what belongs to the request: its public key, and a signature of the digest.
 * Never throws for what a token answers. Never logs in when a wrong PIN would lock the token.
 */
export function answer(cryptoki: Cryptoki, request: Pkcs11Request): Pkcs11Reply {
  try {
    cryptoki.initialize();
    try {
      return useToken(cryptoki, request);
    } finally {
      cryptoki.finalize();
    }
  } catch (error) {
    if (error instanceof Refusal) {
      const { message: reason, hint } = error;
      return { kind: 'refused', reason, ...(hint === undefined ? {} : { hint }) };
    }
    if (error instanceof CryptokiError)
      return { kind: 'refused', reason: describeCode(error.call, error.code) };
    throw error;
  }
}

function useToken(cryptoki: Cryptoki, request: Pkcs11Request): Pkcs11Reply {
  const { slot, label, flags } = findToken(cryptoki, request.match);
  const hasKeypad = (flags & CKF_PROTECTED_AUTHENTICATION_PATH) !== 0;
  const session = cryptoki.openSession(slot);
  if ((flags & CKF_LOGIN_REQUIRED) !== 0) {
    if (request.pin === undefined && !hasKeypad) return { kind: 'pin-needed', token: label };
    requireTries(label, flags);
    cryptoki.login(session, CKU_USER, request.pin);
  }
  const key = findPrivateKey(cryptoki, session, request);
  const publicKey = findPublicKey(cryptoki, session, key);
  if (request.digest === undefined) return { kind: 'found', publicKey };
  cryptoki.signInit(session, key, isRsa(cryptoki, session, key) ? RSA_PSS : ECDSA);
  if (cryptoki.attribute(session, key, CKA_ALWAYS_AUTHENTICATE)?.[0] === 1)
    cryptoki.login(session, CKU_CONTEXT_SPECIFIC, request.pin);
  const signature = cryptoki.sign(session, Buffer.from(request.digest, 'hex'));
  return { kind: 'found', publicKey, signature: signature.toString('hex') };
}

function findToken(
  cryptoki: Cryptoki,
  match: TokenMatch,
): { readonly slot: number; readonly label: string; readonly flags: number } {
  const present = cryptoki
    .slots()
    .map((slot) => ({ slot, ...cryptoki.tokenInfo(slot) }))
    .filter(({ flags }) => (flags & CKF_TOKEN_INITIALIZED) !== 0);
  const matching = present.filter(
    ({ slot, label, manufacturer, model, serial }) =>
      (match.slotId ?? slot) === slot &&
      (match.token ?? label) === label &&
      (match.manufacturer ?? manufacturer) === manufacturer &&
      (match.model ?? model) === model &&
      (match.serial ?? serial) === serial,
  );
  const [token, ...others] = matching;
  const names = (tokens: readonly { readonly label: string; readonly serial: string }[]): string =>
    tokens.map(({ label, serial }) => `'${label}' (serial ${serial})`).join(', ');
  if (token === undefined) {
    throw new Refusal(
      present.length === 0
        ? 'there is no token in any slot'
        : `no token fits; there is ${names(present)}`,
    );
  }
  if (others.length > 0)
    throw new Refusal(
      `${matching.length} tokens fit: ${names(matching)}`,
      'Name one with token= or serial=.',
    );
  return token;
}

/** Some tokens lock for good: the last try is for somebody who looks at what is typed. */
function requireTries(label: string, flags: number): void {
  if ((flags & CKF_USER_PIN_LOCKED) !== 0)
    throw new Refusal(
      `the PIN of token '${label}' is locked`,
      'Its security officer can unlock it.',
    );
  if ((flags & CKF_USER_PIN_FINAL_TRY) === 0) return;
  throw new Refusal(
    `one more wrong PIN would lock token '${label}', so it was not tried`,
    "Log in once with the token's own tools, which sets its counter back.",
  );
}

function findPrivateKey(cryptoki: Cryptoki, session: number, request: Pkcs11Request): number {
  const wanted = [...ofClass(CKO_PRIVATE_KEY), ...namedBy(request)];
  const [key, ...others] = cryptoki.findObjects(session, wanted);
  if (key !== undefined && others.length === 0) return key;
  const all = cryptoki.findObjects(session, ofClass(CKO_PRIVATE_KEY));
  const names = all.slice(0, 8).map((each) => describeKey(cryptoki, session, each));
  if (key !== undefined)
    throw new Refusal(
      `${others.length + 1} private keys fit`,
      `On the token: ${names.join(', ')}.`,
    );
  throw new Refusal(
    'no private key on the token fits',
    all.length === 0
      ? 'There is none on it that this PIN shows.'
      : `On the token: ${names.join(', ')}.`,
  );
}

function describeKey(cryptoki: Cryptoki, session: number, key: number): string {
  const label = cryptoki.attribute(session, key, CKA_LABEL)?.toString('utf8') ?? '';
  const id = cryptoki.attribute(session, key, CKA_ID) ?? Buffer.alloc(0);
  return `object=${label};id=${id.toString('hex').replace(/../g, '%$&')}`;
}

/** The public half of a private key: of the private key itself (RSA), else the object or certificate with the same CKA_ID. */
function findPublicKey(cryptoki: Cryptoki, session: number, key: number): Pkcs11PublicKey {
  const own = isRsa(cryptoki, session, key) ? publicKeyIn(cryptoki, session, key) : undefined;
  if (own !== undefined) return own;
  const id = cryptoki.attribute(session, key, CKA_ID)?.toString('hex') ?? '';
  const label = cryptoki.attribute(session, key, CKA_LABEL)?.toString('utf8') ?? '';
  // An ID is what belongs together; labels serve where there is none.
  const sameKey = namedBy(id === '' ? { object: label } : { id });
  for (const found of cryptoki.findObjects(session, [...ofClass(CKO_PUBLIC_KEY), ...sameKey])) {
    const publicKey = publicKeyIn(cryptoki, session, found);
    if (publicKey !== undefined) return publicKey;
  }
  for (const found of cryptoki.findObjects(session, [...ofClass(CKO_CERTIFICATE), ...sameKey])) {
    const der = cryptoki.attribute(session, found, CKA_VALUE);
    if (der !== undefined) return { kind: 'certificate', der: der.toString('hex') };
  }
  throw new Refusal(
    'the token has neither the public key nor a certificate of that private key',
    'Store the public key beside it, with the same CKA_ID.',
  );
}

function publicKeyIn(
  cryptoki: Cryptoki,
  session: number,
  object: number,
): Pkcs11PublicKey | undefined {
  const hex = (type: number): string =>
    cryptoki.attribute(session, object, type)?.toString('hex') ?? '';
  if (isRsa(cryptoki, session, object)) {
    const [modulus, exponent] = [hex(CKA_MODULUS), hex(CKA_PUBLIC_EXPONENT)];
    return modulus === '' || exponent === '' ? undefined : { kind: 'rsa', modulus, exponent };
  }
  const [parameters, point] = [hex(CKA_EC_PARAMS), hex(CKA_EC_POINT)];
  return parameters === '' || point === '' ? undefined : { kind: 'ec', parameters, point };
}

function isRsa(cryptoki: Cryptoki, session: number, object: number): boolean {
  const type = cryptoki.attribute(session, object, CKA_KEY_TYPE)?.readUInt32LE(0);
  if (type === CKK_RSA) return true;
  if (type === CKK_EC) return false;
  throw new Refusal('the key is neither RSA nor EC');
}

function ofClass(number: number): readonly Attribute[] {
  return [{ type: CKA_CLASS, number }];
}

function namedBy({ id, object }: { readonly id?: string; readonly object?: string }): Attribute[] {
  const byId =
    id === undefined || id === '' ? [] : [{ type: CKA_ID, value: Buffer.from(id, 'hex') }];
  const byLabel =
    object === undefined || object === '' ? [] : [{ type: CKA_LABEL, value: Buffer.from(object) }];
  return [...byId, ...byLabel];
}

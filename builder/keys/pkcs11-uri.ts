import { SigningError } from '../errors/families.ts';
import { parseSecretSource, type SecretSource } from './secret-source.ts';

// RFC 7512: pkcs11:PATH?QUERY, PATH of attributes parted by ";", QUERY of attributes parted by "&", values with %XX.

/** Which key of which token, and how to get at it. An attribute that is not there matches everything. */
export type Pkcs11Uri = {
  readonly token?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly slotId?: number;
  /** CKA_LABEL */
  readonly object?: string;
  /** CKA_ID */
  readonly id?: Buffer;
  readonly modulePath?: string;
  readonly moduleName?: string;
  readonly pinSource?: SecretSource;
};

const PATH_ATTRIBUTES = [
  'token',
  'manufacturer',
  'model',
  'serial',
  'slot-id',
  'object',
  'id',
  'type',
];
const QUERY_ATTRIBUTES = ['module-path', 'module-name', 'pin-source'];

/**
 * Reads a `pkcs11:` URI (RFC 7512). Throws SigningError (KEY_REFERENCE): for a PIN in it, which everybody could read in a
 * process list, a log or a profile; for attributes that are unknown, because such a URI may mean another key; and for
 * one that does not name a key. No message quotes a value.
 */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  if (/pin-value/i.test(uri)) {
    throw refused(
      'a pkcs11: reference contains a PIN (pin-value), which process lists and logs would show',
      'Use pin-source=file:PATH or pin-source=env:NAME, or let yourself be asked. Change that PIN: it may be in logs already.',
    );
  }
  const [path = '', query, ...surplus] = uri.slice('pkcs11:'.length).split('?');
  if (surplus.length > 0) throw refused('a pkcs11: reference has more than one "?"');
  const inPath = attributes(path, ';', PATH_ATTRIBUTES);
  const inQuery = attributes(query ?? '', '&', QUERY_ATTRIBUTES);
  requirePrivateKey(inPath);
  const text = (from: ReadonlyMap<string, Buffer>, name: string): string | undefined =>
    from.get(name)?.toString('utf8');
  const pinSource = text(inQuery, 'pin-source');
  const moduleName = text(inQuery, 'module-name');
  if (moduleName !== undefined && !/^[\w.+-]+$/.test(moduleName)) {
    throw refused('module-name in a pkcs11: reference is the name of a module, not a path');
  }
  return withoutUndefined({
    token: text(inPath, 'token'),
    manufacturer: text(inPath, 'manufacturer'),
    model: text(inPath, 'model'),
    serial: text(inPath, 'serial'),
    slotId: slotId(text(inPath, 'slot-id')),
    object: text(inPath, 'object'),
    id: inPath.get('id'),
    modulePath: text(inQuery, 'module-path'),
    moduleName,
    pinSource: pinSource === undefined ? undefined : parseSecretSource(pinSource, 'pin-source'),
  });
}

function attributes(
  text: string,
  separator: string,
  known: readonly string[],
): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const piece of text.split(separator).filter((each) => each !== '')) {
    const equals = piece.indexOf('=');
    const name = equals === -1 ? '' : piece.slice(0, equals);
    if (!known.includes(name)) {
      throw refused(
        `a pkcs11: reference has an attribute ${/^[a-z-]{1,20}$/.test(name) ? `'${name}' ` : ''}that is not understood`,
        `Before the "?": ${PATH_ATTRIBUTES.join(', ')}, parted by ";". After it: ${QUERY_ATTRIBUTES.join(', ')}, parted by "&".`,
      );
    }
    if (found.has(name)) throw refused(`a pkcs11: reference has ${name} twice`);
    found.set(name, percentDecoded(piece.slice(equals + 1), name));
  }
  return found;
}

function percentDecoded(text: string, name: string): Buffer {
  const encoded = Buffer.from(text, 'utf8').toString('latin1');
  if (/%(?![0-9a-f]{2})/i.test(encoded)) {
    throw refused(`${name} in a pkcs11: reference has a "%" without two hexadecimal digits behind`);
  }
  const decoded = encoded.replace(/%(..)/g, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  );
  return Buffer.from(decoded, 'latin1');
}

function requirePrivateKey(path: ReadonlyMap<string, Buffer>): void {
  const type = path.get('type')?.toString('utf8');
  if (type !== undefined && type !== 'private') {
    throw refused('type in a pkcs11: reference is not private; signing needs the private key');
  }
  if (path.has('object') || path.has('id')) return;
  throw refused(
    'a pkcs11: reference names no key',
    'Name it by its label (object=release) or its ID (id=%01), best with the token: pkcs11:token=T;object=release',
  );
}

function slotId(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw refused('slot-id in a pkcs11: reference is not a number');
  return Number(text);
}

function withoutUndefined(values: {
  readonly [Name in keyof Pkcs11Uri]: Pkcs11Uri[Name] | undefined;
}): Pkcs11Uri {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function refused(message: string, hint?: string): SigningError {
  return new SigningError('KEY_REFERENCE', message, hint === undefined ? {} : { hint });
}

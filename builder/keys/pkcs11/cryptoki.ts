// PKCS#11 2.40 (OASIS), called through koffi. Layouts, of which the second is that of Windows (packed, 32-bit CK_ULONG):
//   CK_FUNCTION_LIST  u8[2] version, (6 of padding | none), pointers to functions in the order of pkcs11f.h
//   CK_ATTRIBUTE      CK_ULONG type, void *value, CK_ULONG length
//   CK_MECHANISM      CK_ULONG mechanism, void *parameter, CK_ULONG length
//   CK_TOKEN_INFO     char label[32], manufacturerID[32], model[16], serialNumber[16], CK_ULONG flags, …

/** CKR_ codes as numbers; `Cryptoki` throws them inside a CryptokiError. */
export class CryptokiError extends Error {
  readonly code: number;
  readonly call: string;
  constructor(call: string, code: number) {
    super(`${call} answered 0x${code.toString(16)}`);
    this.code = code;
    this.call = call;
  }
}

/** Thrown when the optional package is not installed. */
export class PackageMissingError extends Error {}

/** Thrown when a shared library cannot be loaded, or is no PKCS#11 module. */
export class ModuleError extends Error {}

type Koffi = (typeof import('koffi'))['default'];
type Native = (...args: readonly unknown[]) => number;

/** Places of the functions in CK_FUNCTION_LIST (pkcs11f.h), and the types of their arguments: n a CK_ULONG, p a pointer. */
const FUNCTIONS = {
  C_Initialize: [0, 'p'],
  C_Finalize: [1, 'p'],
  C_GetSlotList: [4, 'bpp'],
  C_GetTokenInfo: [6, 'np'],
  C_OpenSession: [12, 'nnppp'],
  C_CloseSession: [13, 'n'],
  C_Login: [18, 'nnpn'],
  C_GetAttributeValue: [24, 'nnpn'],
  C_FindObjectsInit: [26, 'npn'],
  C_FindObjects: [27, 'npnp'],
  C_FindObjectsFinal: [28, 'n'],
  C_SignInit: [42, 'npn'],
  C_Sign: [43, 'npnpp'],
} as const;
type FunctionName = keyof typeof FUNCTIONS;
const FUNCTION_COUNT = 44;
const TYPES = { b: 'uint8_t', n: 'unsigned long', p: 'void *' } as const;

const CKF_SERIAL_SESSION = 4;
const CKR_ATTRIBUTE_SENSITIVE = 0x11;
const CKR_ATTRIBUTE_TYPE_INVALID = 0x12;
const OBJECT_LIMIT = 64;
const SLOT_LIMIT = 1024;
const ATTRIBUTE_LIMIT = 64 * 1024;

export type TokenInfo = {
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  readonly flags: number;
};

/** A mechanism, with its parameter as CK_ULONGs where it has one. */
export type Mechanism = { readonly type: number; readonly parameters: readonly number[] };

/** An attribute to search for. */
export type Attribute = { readonly type: number } & (
  { readonly value: Buffer } | { readonly number: number }
);

/** Loads a module. Throws PackageMissingError or ModuleError. */
export async function loadCryptoki(path: string): Promise<Cryptoki> {
  const koffi = await importKoffi();
  try {
    const library = koffi.load(path);
    const getFunctionList = library.func('unsigned long C_GetFunctionList(_Out_ void **list)');
    const list: unknown[] = [null];
    const code = Number(getFunctionList(list));
    if (code !== 0) throw new CryptokiError('C_GetFunctionList', code);
    return new Cryptoki(koffi, list[0]);
  } catch (error) {
    throw new ModuleError(error instanceof Error ? error.message : String(error));
  }
}

async function importKoffi(): Promise<Koffi> {
  try {
    return (await import('koffi')).default;
  } catch {
    throw new PackageMissingError();
  }
}

/** The calls of PKCS#11 that signing needs. Each throws CryptokiError when the module does not answer CKR_OK. */
export class Cryptoki {
  private readonly koffi: Koffi;
  private readonly functions: ReadonlyMap<string, Native>;
  private readonly numberSize: number;

  constructor(koffi: Koffi, list: unknown) {
    this.koffi = koffi;
    this.numberSize = koffi.sizeof('unsigned long');
    this.functions = readFunctions(koffi, list);
  }

  initialize(): void {
    this.call('C_Initialize', null);
  }

  /** What a module says when it is left does not matter any more. */
  finalize(): void {
    this.functions.get('C_Finalize')?.(null);
  }

  /** Slots that have a token. */
  slots(): readonly number[] {
    const count = this.numbers(1);
    this.call('C_GetSlotList', 1, null, count);
    const room = Math.min(this.readNumber(count, 0), SLOT_LIMIT);
    if (room === 0) return [];
    const slots = this.numbers(room);
    this.writeNumber(count, 0, room);
    this.call('C_GetSlotList', 1, slots, count);
    return Array.from({ length: Math.min(room, this.readNumber(count, 0)) }, (_, index) =>
      this.readNumber(slots, index),
    );
  }

  tokenInfo(slot: number): TokenInfo {
    const info = this.bytes(512);
    this.call('C_GetTokenInfo', slot, info);
    const view = this.view(info, 512);
    const text = (from: number, length: number): string =>
      view
        .subarray(from, from + length)
        .toString('utf8')
        .replace(/[\0 ]+$/, '');
    return {
      label: text(0, 32),
      manufacturer: text(32, 32),
      model: text(64, 16),
      serial: text(80, 16),
      flags: view.readUInt32LE(96),
    };
  }

  openSession(slot: number): number {
    const session = this.numbers(1);
    this.call('C_OpenSession', slot, CKF_SERIAL_SESSION, null, null, session);
    return this.readNumber(session, 0);
  }

  /** `pin` undefined asks at the reader's own keypad. */
  login(session: number, userType: number, pin: string | undefined): void {
    const bytes = pin === undefined ? null : Buffer.from(pin, 'utf8');
    this.call('C_Login', session, userType, bytes, bytes?.length ?? 0);
    bytes?.fill(0);
  }

  /** Handles of all objects with these attributes, up to a limit that no key is chosen from. */
  findObjects(session: number, attributes: readonly Attribute[]): readonly number[] {
    const template = this.bytes(attributes.length * this.structSize);
    // Held in this variable until the call is over: the template points into them.
    const values = attributes.map((attribute) => this.valueOf(attribute));
    for (const [index, { type }] of attributes.entries())
      this.writeStruct(template, index, { type, ...values[index] });
    this.call('C_FindObjectsInit', session, template, attributes.length);
    const found = this.numbers(OBJECT_LIMIT);
    const count = this.numbers(1);
    this.call('C_FindObjects', session, found, OBJECT_LIMIT, count);
    this.call('C_FindObjectsFinal', session);
    return Array.from({ length: this.readNumber(count, 0) }, (_, index) =>
      this.readNumber(found, index),
    );
  }

  /** The value of an attribute; undefined where the object has none or does not show it. */
  attribute(session: number, object: number, type: number): Buffer | undefined {
    const template = this.bytes(this.structSize);
    this.writeStruct(template, 0, { type, pointer: null, length: 0 });
    try {
      this.call('C_GetAttributeValue', session, object, template, 1);
      const length = this.readStructLength(template);
      if (length > ATTRIBUTE_LIMIT) return undefined;
      if (length === 0) return Buffer.alloc(0);
      const value = this.bytes(length);
      this.writeStruct(template, 0, { type, pointer: value, length });
      this.call('C_GetAttributeValue', session, object, template, 1);
      return Buffer.from(this.view(value, length));
    } catch (error) {
      const { code } = error as CryptokiError;
      if (code === CKR_ATTRIBUTE_TYPE_INVALID || code === CKR_ATTRIBUTE_SENSITIVE) return undefined;
      throw error;
    }
  }

  signInit(session: number, key: number, { type, parameters }: Mechanism): void {
    const values = this.numbers(Math.max(1, parameters.length));
    for (const [index, value] of parameters.entries()) this.writeNumber(values, index, value);
    const length = parameters.length * this.numberSize;
    const mechanism = this.bytes(this.structSize);
    this.writeStruct(mechanism, 0, { type, pointer: length === 0 ? null : values, length });
    this.call('C_SignInit', session, mechanism, key);
  }

  sign(session: number, digest: Buffer): Buffer {
    const room = 4096;
    const signature = this.bytes(room);
    const length = this.numbers(1);
    this.writeNumber(length, 0, room);
    this.call('C_Sign', session, digest, digest.length, signature, length);
    return Buffer.from(this.view(signature, Math.min(room, this.readNumber(length, 0))));
  }

  private call(name: FunctionName, ...args: readonly unknown[]): void {
    const code = Number(this.functions.get(name)?.(...args));
    if (code !== 0) throw new CryptokiError(name, code);
  }

  /** CK_ATTRIBUTE and CK_MECHANISM: number, pointer, number; nowhere is there padding between them. */
  private get structSize(): number {
    return 2 * this.numberSize + 8;
  }

  private writeStruct(
    memory: unknown,
    index: number,
    { type, pointer = null, length = 0 }: { type: number; pointer?: unknown; length?: number },
  ): void {
    const view = this.view(memory, (index + 1) * this.structSize).subarray(index * this.structSize);
    const address = pointer === null ? 0n : this.koffi.address(pointer);
    this.putNumber(view, 0, type);
    view.writeBigUInt64LE(address, this.numberSize);
    this.putNumber(view, this.numberSize + 8, length);
  }

  private readStructLength(memory: unknown): number {
    return this.getNumber(this.view(memory, this.structSize), this.numberSize + 8);
  }

  private bytes(length: number): unknown {
    return this.koffi.alloc('uint8_t', length);
  }

  private numbers(count: number): unknown {
    return this.bytes(count * this.numberSize);
  }

  private valueOf(attribute: Attribute): { readonly pointer: unknown; readonly length: number } {
    if ('number' in attribute) {
      const pointer = this.numbers(1);
      this.writeNumber(pointer, 0, attribute.number);
      return { pointer, length: this.numberSize };
    }
    const { length } = attribute.value;
    const pointer = this.bytes(Math.max(1, length));
    attribute.value.copy(this.view(pointer, Math.max(1, length)));
    return { pointer, length };
  }

  private readNumber(memory: unknown, index: number): number {
    return this.getNumber(
      this.view(memory, (index + 1) * this.numberSize),
      index * this.numberSize,
    );
  }

  private writeNumber(memory: unknown, index: number, value: number): void {
    this.putNumber(
      this.view(memory, (index + 1) * this.numberSize),
      index * this.numberSize,
      value,
    );
  }

  private getNumber(view: Buffer, at: number): number {
    return this.numberSize === 8 ? Number(view.readBigUInt64LE(at)) : view.readUInt32LE(at);
  }

  private putNumber(view: Buffer, at: number, value: number): void {
    if (this.numberSize === 8) view.writeBigUInt64LE(BigInt(value), at);
    else view.writeUInt32LE(value, at);
  }

  private view(memory: unknown, length: number): Buffer {
    return Buffer.from(this.koffi.view(memory, length));
  }
}

function readFunctions(koffi: Koffi, list: unknown): ReadonlyMap<string, Native> {
  const pack = process.platform === 'win32' ? koffi.pack : koffi.struct;
  const layout = pack({
    version: koffi.array('uint8_t', 2),
    functions: koffi.array('void *', FUNCTION_COUNT),
  });
  const { functions } = koffi.decode(list, layout) as { functions: readonly unknown[] };
  return new Map(
    Object.entries(FUNCTIONS).map(([name, [place, types]]) => {
      const args = types.split('').map((type) => TYPES[type as keyof typeof TYPES]);
      const type = koffi.proto('unsigned long', args);
      return [name, koffi.decode(functions[place], type) as Native];
    }),
  );
}

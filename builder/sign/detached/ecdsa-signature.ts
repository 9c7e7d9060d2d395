/** An ECDSA signature: r and s behind each other, big-endian, each as long as a coordinate. */
export type EcdsaReading =
  | { readonly kind: 'signature'; readonly raw: Buffer; readonly encoding: 'raw' | 'DER' }
  | { readonly kind: 'problem'; readonly problem: string };

/**
 * Reads an ECDSA signature as HSMs write it: r and s raw (PKCS#11), or ECDSA-Sig-Value in DER (OpenSSL, cloud KMS; RFC
 * 3279, section 2.2.3). `length` is the curve's coordinate length in bytes. Total: what is neither is a problem in words.
 */
export function readEcdsaSignature(bytes: Buffer, length: number): EcdsaReading {
  if (bytes.length === 2 * length) return { kind: 'signature', raw: bytes, encoding: 'raw' };
  if (bytes[0] !== 0x30) {
    return problem(
      `it has ${bytes.length} bytes; r and s raw (${2 * length} bytes) or in DER (starts with 30) were expected${otherCurve(bytes.length)}`,
    );
  }
  const body = element(bytes, 0, 0x30);
  const r = body === undefined ? undefined : element(bytes, body.start, 0x02);
  const s = r === undefined ? undefined : element(bytes, r.end, 0x02);
  if (body === undefined || s?.end !== body.end)
    return problem('it starts like DER (30), but is not one ECDSA-Sig-Value of two integers');
  if (body.end !== bytes.length)
    return problem(`it is DER with ${bytes.length - body.end} more bytes behind it`);
  const [rBytes, sBytes] = [r, s].map((number) => fixed(bytes, number, length));
  if (rBytes === undefined || sBytes === undefined)
    return problem(
      `its DER integers are longer than ${length} bytes: it is by a key on a larger curve`,
    );
  return { kind: 'signature', raw: Buffer.concat([rBytes, sBytes]), encoding: 'DER' };
}

function otherCurve(length: number): string {
  const curve = { 48: 'P-192', 64: 'P-256', 96: 'P-384' }[length];
  return curve === undefined ? '' : `; ${length} bytes are a raw signature by a key on ${curve}`;
}

function problem(text: string): EcdsaReading {
  return { kind: 'problem', problem: text };
}

/** A DER element of that tag with a definite length of at most two bytes; undefined where there is none. */
function element(
  bytes: Buffer,
  at: number,
  tag: number,
): { readonly start: number; readonly end: number } | undefined {
  const short = bytes[at + 1];
  if (bytes[at] !== tag || short === undefined || short > 0x81) return undefined;
  const start = short === 0x81 ? at + 3 : at + 2;
  const length = short === 0x81 ? bytes[at + 2] : short;
  if (short === 0x80 || length === undefined || start + length > bytes.length) return undefined;
  return { start, end: start + length };
}

/** A DER integer as a number of that many bytes; undefined when it has more. */
function fixed(
  bytes: Buffer,
  place: { readonly start: number; readonly end: number } | undefined,
  length: number,
): Buffer | undefined {
  if (place === undefined) return undefined;
  const integer = bytes.subarray(place.start, place.end);
  const first = integer.findIndex((byte) => byte !== 0);
  const digits = integer.subarray(first === -1 ? integer.length : first);
  if (digits.length > length) return undefined;
  return Buffer.concat([Buffer.alloc(length - digits.length), digits]);
}

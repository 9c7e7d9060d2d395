/** How a token and a key on it are chosen; an attribute that is not there matches everything. */
export type TokenMatch = {
  readonly token?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly slotId?: number;
};

/** What the process that loads the module is asked, as one JSON object on its stdin. */
export type Pkcs11Request = {
  readonly module: string;
  readonly match: TokenMatch;
  /** CKA_LABEL */
  readonly object?: string;
  /** CKA_ID in hex */
  readonly id?: string;
  readonly pin?: string;
  /** A digest in hex to be signed; without it only the public key is looked up. */
  readonly digest?: string;
};

/** What it answers, as one JSON object on descriptor 3. Bytes are hex. */
export type Pkcs11Reply =
  | {
      readonly kind: 'found';
      readonly publicKey: Pkcs11PublicKey;
      readonly signature?: string;
    }
  | {
      readonly kind: 'pin-needed';
      /** Label of the token, for the question. */
      readonly token: string;
    }
  | { readonly kind: 'package-missing' }
  | { readonly kind: 'module-unusable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly hint?: string };

export type Pkcs11PublicKey =
  | { readonly kind: 'rsa'; readonly modulus: string; readonly exponent: string }
  /** CKA_EC_PARAMS (the curve's OID in DER) and CKA_EC_POINT. */
  | { readonly kind: 'ec'; readonly parameters: string; readonly point: string }
  /** An X.509 certificate in DER, where the token keeps no public key beside the private one. */
  | { readonly kind: 'certificate'; readonly der: string };

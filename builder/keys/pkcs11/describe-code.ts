/** What the codes that a user can do something about mean (PKCS#11 2.40, CKR_…). */
const CODES: Readonly<Record<number, string>> = {
  0x1: 'the call was cancelled (CKR_CANCEL)',
  0x3: 'the slot does not exist (CKR_SLOT_ID_INVALID)',
  0x5: 'the module failed (CKR_GENERAL_ERROR); its own log may say why',
  0x6: 'the token refused (CKR_FUNCTION_FAILED)',
  0x20: 'the token does not take what it was given to sign (CKR_DATA_INVALID)',
  0x21: 'the token does not take a digest of that length (CKR_DATA_LEN_RANGE)',
  0x30: 'the token failed (CKR_DEVICE_ERROR)',
  0x32: 'the token was removed (CKR_DEVICE_REMOVED)',
  0x54: 'the module cannot do that (CKR_FUNCTION_NOT_SUPPORTED)',
  0x63: 'the key is of another kind than its mechanism (CKR_KEY_TYPE_INCONSISTENT)',
  0x68: 'the key may not sign (CKR_KEY_FUNCTION_NOT_PERMITTED)',
  0x70: 'the token cannot sign a digest with that key (CKR_MECHANISM_INVALID): RSA needs CKM_RSA_PKCS_PSS, EC needs CKM_ECDSA',
  0x71: 'the token does not take RSA-PSS with SHA-256 and a salt of 32 bytes (CKR_MECHANISM_PARAM_INVALID)',
  0xa0: 'the PIN is wrong (CKR_PIN_INCORRECT)',
  0xa1: 'the PIN has characters that the token does not take (CKR_PIN_INVALID)',
  0xa2: 'the PIN has a length that the token does not take (CKR_PIN_LEN_RANGE)',
  0xa3: 'the PIN has expired (CKR_PIN_EXPIRED)',
  0xa4: 'the PIN is locked (CKR_PIN_LOCKED)',
  0xe0: 'the token is not there (CKR_TOKEN_NOT_PRESENT)',
  0xe1: 'the token is of a kind that the module does not know (CKR_TOKEN_NOT_RECOGNIZED)',
  0x101: 'the token wants a login (CKR_USER_NOT_LOGGED_IN)',
  0x102: 'the token has no user PIN yet (CKR_USER_PIN_NOT_INITIALIZED)',
};

/** A sentence about a call that was refused. */
export function describeCode(call: string, code: number): string {
  return CODES[code] ?? `the module answered 0x${code.toString(16)} to ${call}`;
}

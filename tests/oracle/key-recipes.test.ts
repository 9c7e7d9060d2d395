import { createPrivateKey, createPublicKey } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Workspace } from '../support/cli.ts';
import { isMissing, oracleTool } from '../support/oracle.ts';
import { createSigningWorkspace } from '../support/signed-builds.ts';
import { createToken, softHsmModule } from '../support/softhsm.ts';

const README = await readFile(join(import.meta.dirname, '..', '..', 'keys', 'README.md'), 'utf8');

/** The shell script that follows a heading. */
function scriptUnder(heading: string): string {
  const section = README.split(`### ${heading}\n`)[1] ?? '';
  return /```sh\n(#!\/bin\/sh[^]*?)```/.exec(section)?.[1] ?? '';
}

/**
 * A cloud that stands in for the real one: checks what it is called with, and signs with openssl as that cloud would. `$argv`
 * is what it was called with, a word a line.
 */
const sign = (file: string): string => `
case "$OTA_BUILD_SIGN_SCHEME" in
rsa3072) set -- -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest ;;
*) set -- ;;
esac
printf %s "$digest" | base64 -d | openssl pkeyutl -sign -inkey "$OTA_BUILD_SIGN_SCHEME-first.pem" "$@" > ${file}
`;
const word = (flag: string): string => `$(printf '%s\\n' "$@" | sed -n '/^${flag}$/{n;p;}')`;
const need = (flag: string, values: string): string =>
  `case "${word(flag)}" in ${values}) ;; *) echo "${flag}: ${word(flag)}" >&2; exit 9 ;; esac\n`;

const CLOUDS = {
  aws: `#!/bin/sh
[ "$1 $2" = "kms sign" ] || exit 9
${need('--key-id', 'alias/firmware')}${need('--message-type', 'DIGEST')}${need('--output', 'text')}${need('--query', 'Signature')}
case "$OTA_BUILD_SIGN_SCHEME ${word('--signing-algorithm')}" in
"rsa3072 RSASSA_PSS_SHA_256" | "ecdsa256 ECDSA_SHA_256" | "ecdsa384 ECDSA_SHA_384") ;; *) exit 9 ;; esac
digest=${word('--message')}
${sign('signature')}
base64 signature | tr -d '\\n'; echo
`,
  gcloud: `#!/bin/sh
[ "$*" = "auth print-access-token" ] && echo marked-token
`,
  curl: `#!/bin/sh
[ "$(cat)" = 'header = "Authorization: Bearer marked-token"' ] || exit 9
case "$*" in *marked-token*) exit 9 ;; esac
case "$*" in *https://cloudkms.googleapis.com/v1/projects/P/cryptoKeyVersions/1:asymmetricSign) ;; *) exit 9 ;; esac
[ -z "$DENIED" ] || { echo '{"error": "may not use it to sign"}' && exit 22; }
digest=$(printf '%s' "${word('--data')}" | sed -n "s/^{\\"digest\\": {\\"$OTA_BUILD_SIGN_HASH\\": \\"\\([^\\"]*\\)\\"}}$/\\1/p")
${sign('signature')}
printf '{\\n  "name": "projects/P",\\n  "signature": "%s",\\n  "signatureCrc32c": "1"\\n}\\n' "$(base64 signature | tr -d '\\n')"
`,
  az: `#!/bin/sh
[ "$1 $2 $3" = "keyvault key sign" ] || exit 9
${need('--vault-name', 'V')}${need('--name', 'K')}${need('--query', 'signature')}${need('--output', 'tsv')}
case "$OTA_BUILD_SIGN_SCHEME ${word('--algorithm')}" in
"rsa3072 PS256" | "ecdsa256 ES256" | "ecdsa384 ES384") ;; *) exit 9 ;; esac
digest=${word('--digest')}
${sign('signature')}
base64 signature | tr -d '\\n'; echo
`,
} as const;

const RECIPES = [
  { heading: 'AWS KMS', file: 'sign-with-aws.sh', args: 'alias/firmware' },
  {
    heading: 'Google Cloud KMS',
    file: 'sign-with-google.sh',
    args: 'projects/P/cryptoKeyVersions/1',
  },
  { heading: 'Azure Key Vault', file: 'sign-with-azure.sh', args: 'V K' },
] as const;
const SCHEMES = [
  { scheme: 'rsa3072', board: 'ESP32_GENERIC', id: '01' },
  { scheme: 'ecdsa256', board: 'ESP32_GENERIC_C2', id: '02' },
  { scheme: 'ecdsa384', board: 'ESP32_GENERIC_C5', id: '03' },
] as const;

describe.skipIf(isMissing(oracleTool('openssl'), 'openssl'))('a recipe of keys/README.md', () => {
  let work: Workspace;

  beforeAll(async () => {
    work = await createSigningWorkspace([], ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192']);
    for (const [name, script] of Object.entries(CLOUDS))
      await work.write(`bin/${name}`, script, 0o755);
    for (const { heading, file } of RECIPES) {
      expect(README).toContain(`keys/${file}`);
      await work.write(`keys/${file}`, scriptUnder(heading));
      await chmod(work.path('keys', file), 0o755);
    }
  });

  const build = async (
    key: string,
    { scheme, board }: { readonly scheme: string; readonly board: string },
    more = {},
  ) => {
    const args = ['--board', board, '--firmware', 'drill', '--app-version', '1', '--force'];
    const environment = { PATH: `${work.path('bin')}:${process.env['PATH'] ?? ''}`, ...more };
    return work.runHere([...args, '--scheme', scheme, '--key', key], { environment });
  };

  test.each(RECIPES)('signs with $heading by every scheme', async ({ file, args }) => {
    for (const wanted of SCHEMES) {
      const key = `command:${wanted.scheme}-first.pub.pem ./keys/${file} ${args}`;
      const { code, stderr } = await build(key, wanted);
      expect(code, stderr).toBe(0);
    }
  });

  test.each(['sign-with-aws.sh', 'sign-with-azure.sh'])(
    '%s says of P-192 that its cloud has no such keys',
    async (file) => {
      const key = `command:ecdsa192-first.pub.pem ./keys/${file} V K`;
      const wanted = { scheme: 'ecdsa192', board: 'ESP32_GENERIC_C2' } as const;
      const { code, stderr } = await build(key, wanted);
      expect(code).toBe(8);
      expect(stderr).toMatch(/failed with exit code 1; it said:\n(AWS KMS|Azure Key Vault) has no/);
    },
  );

  test('says why Google refused', async () => {
    const key =
      'command:rsa3072-first.pub.pem ./keys/sign-with-google.sh projects/P/cryptoKeyVersions/1';
    const { code, stderr } = await build(key, SCHEMES[0], { DENIED: 'yes' });
    expect(code).toBe(8);
    expect(stderr).toMatch(/failed with exit code 1; it said:\n.*may not use it to sign/);
  });

  test('signs with openssl and a key under a passphrase by every scheme', async () => {
    const commands = [...README.matchAll(/--key "(command:\S+ openssl pkeyutl[^"]*)"/g)].map(
      ([, text = '']) => text.replaceAll('\\\n', ''),
    );
    expect(commands).toHaveLength(2);
    for (const wanted of SCHEMES) {
      const cipher = { cipher: 'aes-256-cbc', passphrase: 'marked' };
      const key = createPrivateKey(await work.read(`${wanted.scheme}-first.pem`));
      await work.write('locked.pem', key.export({ type: 'pkcs8', format: 'pem', ...cipher }));
      const command = (wanted.scheme === 'rsa3072' ? commands[0] : commands[1])
        ?.replace('keys/release.pub.pem', `${wanted.scheme}-first.pub.pem`)
        .replace('keys/release.pem', 'locked.pem');
      const { code, stderr } = await build(command ?? '', wanted, { SIGNING_PASSPHRASE: 'marked' });
      expect(code, stderr).toBe(0);
    }
  });

  test.skipIf(isMissing(softHsmModule(), 'softhsm2 and opensc'))(
    'signs with pkcs11-tool by every scheme',
    async () => {
      const hsm = await createToken(work.path('hsm'), { label: 'T', pin: 'pin-1234' });
      const commands = [...README.matchAll(/--key "(command:\S+ pkcs11-tool[^"]*)"/g)].map(
        ([, text = '']) =>
          text.replaceAll('\\\n', '').replaceAll('/usr/lib/softhsm/libsofthsm2.so', hsm.module),
      );
      expect(commands).toHaveLength(2);
      for (const wanted of SCHEMES) {
        const { scheme, id } = wanted;
        const named = ['--id', id, '--label', scheme, '--write-object'];
        const spki = createPublicKey(await work.read(`${scheme}-first.pub.pem`));
        await work.write('public.der', spki.export({ type: 'spki', format: 'der' }));
        hsm.tool(...named, work.path(`${scheme}-first.pem`), '--type', 'privkey', '--usage-sign');
        hsm.tool(...named, work.path('public.der'), '--type', 'pubkey');
        const key = (scheme === 'rsa3072' ? commands[0] : commands[1])
          ?.replace('keys/release.pub.pem', `${scheme}-first.pub.pem`)
          .replace(/--id \d+/, `--id ${id}`);
        const { code, stderr } = await build(key ?? '', wanted, {
          ...hsm.environment,
          TOKEN_PIN: hsm.pin,
        });
        expect(code, stderr).toBe(0);
      }
    },
  );
});

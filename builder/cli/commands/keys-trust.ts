import { InvalidArgumentError, Option, type Command } from '@commander-js/extra-typings';
import { join, resolve } from 'node:path';
import type { TrustFileKey, TrustRole } from '../../schema/trust-file.ts';
import { secretOptions } from '../ask-secret.ts';
import { Output } from '../output.ts';
import type { ProcessEdge } from '../process-edge.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';

const ROLES = ['image', 'manifest'] as const;
const KEY = 'public or private key in PEM, or the 64 hex digits of its digest';

/** `ota-build keys trust`: whose signatures count, as keys/trust.yaml says it. */
export function addTrust(keys: Command, { edge }: CommandHost): void {
  const trust = keys
    .command('trust')
    .description('show and edit keys/trust.yaml, which says whose signatures count');
  addShow(trust, edge);
  addAdd(trust, edge);
  addRevoke(trust, edge);
}

function withFile<Arguments extends unknown[]>(command: Command<Arguments>) {
  return withOutputOptions(command).option(
    '--file <file>',
    'the trust file',
    join('keys', 'trust.yaml'),
  );
}

function addShow(trust: Command, edge: ProcessEdge): void {
  withFile(trust.command('show'))
    .description('list the keys, and which of them count today')
    .action(async ({ file, ...options }) => {
      const text = await requireText(edge, file);
      const { parseTrust } = await import('../../keys/trust/edit-trust.ts');
      const { keysOfTrustFile } = await import('../../schema/trust-file.ts');
      await print(
        new Output(edge, options),
        file,
        keysOfTrustFile(parseTrust({ name: file, text })),
      );
    });
}

function addAdd(trust: Command, edge: ProcessEdge): void {
  withFile(trust.command('add').argument('<key...>', KEY))
    .description('list more keys; the file is made where there is none')
    .addOption(
      new Option('--role <role...>', 'what their signatures count for')
        .choices(ROLES)
        .default([...ROLES]),
    )
    .option('--from <date>', 'day from which on they count, such as 2026-03-01', parseDay)
    .option('--comment <text>', 'for people')
    .action(async (names, { file, role, from, comment, ...options }) => {
      const output = new Output(edge, options);
      const roles = ROLES.filter((each): each is TrustRole => role.includes(each));
      const added: TrustFileKey[] = [];
      for (const name of names) {
        added.push({
          digest: await digestOf(name, edge, output),
          roles,
          ...(from === undefined ? {} : { from }),
          ...(comment === undefined ? {} : { comment }),
        });
      }
      const { addTrustedKeys } = await import('../../keys/trust/edit-trust.ts');
      const text = await textOf(edge, file);
      const old = text === undefined ? { name: file } : { name: file, text };
      await write({ edge, file, isNew: text === undefined }, addTrustedKeys(old, added));
      await print(output, file, added);
    });
}

function addRevoke(trust: Command, edge: ProcessEdge): void {
  withFile(trust.command('revoke').argument('<key>', KEY))
    .description('say from when on a key does not count any more, and why')
    .requiredOption('--why <text>', 'the reason, which refusals quote', parseReason)
    .option('--on <date>', 'first day on which it does not count (default: today, UTC)', parseDay)
    .option('--last', 'even if no other key counts for a role then: all releases are refused')
    .action(async (name, { file, why, on, last, ...options }) => {
      const output = new Output(edge, options);
      const digest = await digestOf(name, edge, output);
      const text = await requireText(edge, file);
      const { parseTrust, revokeTrustedKey } = await import('../../keys/trust/edit-trust.ts');
      const { keysOfTrustFile } = await import('../../schema/trust-file.ts');
      const now = new Date();
      const revoked = on ?? now.toISOString().slice(0, 10);
      const revocation = { digest, revoked, why, mayBeLast: last === true };
      const changed = revokeTrustedKey({ name: file, text }, revocation, now);
      await write({ edge, file, isNew: false }, changed);
      const keys = keysOfTrustFile(parseTrust({ name: file, text: changed }));
      await print(
        output,
        file,
        keys.filter((key) => key.digest === digest),
      );
    });
}

async function digestOf(name: string, edge: ProcessEdge, output: Output): Promise<string> {
  if (/^[0-9a-f]{64}$/i.test(name)) return name.toLowerCase();
  const { readKeyDigest } = await import('../../keys/key-digest.ts');
  const path = resolve(edge.directory, name);
  const { digest, development } = await readKeyDigest(path, name, secretOptions(edge));
  if (development)
    output.alert(`warning: ${name} is a development key: whoever has it can sign what counts here`);
  return digest.toString('hex');
}

function parseReason(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('expected a reason.');
}

function parseDay(text: string): string {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  if (day?.getTime() && day.toISOString().startsWith(text)) return text;
  throw new InvalidArgumentError('expected a day, such as 2026-03-01.');
}

async function textOf({ directory }: ProcessEdge, file: string): Promise<string | undefined> {
  const { readTrustText } = await import('../../keys/trust/trust-files.ts');
  return readTrustText(resolve(directory, file), file);
}

async function requireText(edge: ProcessEdge, file: string): Promise<string> {
  const text = await textOf(edge, file);
  if (text !== undefined) return text;
  const { UsageError } = await import('../../errors/families.ts');
  throw new UsageError('INPUT_MISSING', `${file} does not exist; a trust.yaml was expected`, {
    hint: 'Make it with: ota-build keys trust add KEY',
  });
}

async function write(
  {
    edge,
    file,
    isNew,
  }: { readonly edge: ProcessEdge; readonly file: string; readonly isNew: boolean },
  text: string,
): Promise<void> {
  const { writeTrustText } = await import('../../keys/trust/trust-files.ts');
  await writeTrustText(resolve(edge.directory, file), { name: file, text, isNew });
}

async function print(output: Output, file: string, keys: readonly TrustFileKey[]): Promise<void> {
  const { renderTrust, trustJson } = await import('../render/trust.ts');
  const now = new Date();
  output.result({ ok: true, file, keys: trustJson(keys, now) }, () =>
    renderTrust(keys, now, output.colours),
  );
}

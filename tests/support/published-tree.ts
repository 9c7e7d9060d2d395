import { createHash, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import {
  parseIndexSignatures,
  signersOfIndex,
} from '../../builder/release-index/index-signatures.ts';
import {
  INDEX,
  INDEX_SIGNATURE,
  parseReleaseIndex,
  type ReleaseIndex,
} from '../../builder/release-index/release-index.ts';
import { chipOf } from './boards.ts';
import { createWorkspace, type Workspace } from './cli.ts';
import { makeApp } from './firmware.ts';
import { privatePem, publicPem } from './pem.ts';
import { aPrivateKey } from './signature-blocks.ts';

export const BOARD = 'ESP32_GENERIC_C6';
/** Signs releases and indexes of these tests; quick, as RSA is not. */
export const PUBLISHER: KeyObject = aPrivateKey('ecdsa256', 'publisher');

/** A project whose firmware is made up, with `key.pem`, and its public half in `key.pub.pem`. */
export async function aPublisher(): Promise<Workspace> {
  const work = await createWorkspace();
  await work.write('app.app-bin', makeApp({ chip: chipOf(BOARD), appSize: 0x4000 }));
  await work.write('key.pem', privatePem(PUBLISHER), 0o600);
  await work.write('key.pub.pem', publicPem(PUBLISHER));
  return work;
}

/** Makes a small signed release, out/<board>-<version>. Returns its path. */
export async function build(
  work: Workspace,
  version: string,
  args: readonly string[] = ['--key', 'key.pem', '--scheme', 'ecdsa256'],
): Promise<string> {
  const what = ['--board', BOARD, '--firmware', 'app.app-bin', '--app-version', version, '--quiet'];
  const { code, stderr } = await work.runHere([...what, ...args]);
  if (code !== 0) throw new Error(`no release was made:\n${stderr}`);
  return `out/${BOARD}-${version}`;
}

/** The index of a published tree as a reader takes it: parsed, and only when the publisher's signature holds over it. */
export async function readPublished(place: string): Promise<ReleaseIndex> {
  const bytes = await readFile(join(place, INDEX));
  const signatures = parseIndexSignatures(
    await readFile(join(place, INDEX_SIGNATURE)),
    INDEX_SIGNATURE,
  );
  const digest = keyDigestOfPublicKey(PUBLISHER).toString('hex');
  if (!signersOfIndex(bytes, signatures).includes(digest))
    throw new Error('the publisher did not sign this index');
  return parseReleaseIndex(bytes, INDEX);
}

/**
 * What is wrong with a published tree for somebody who reads it now: files that an index lists and that are not there or not
 * the same, and directories that can be seen and are not whole.
 */
export async function problemsOf(place: string): Promise<readonly string[]> {
  if (!existsSync(place)) return [];
  const index = existsSync(join(place, INDEX)) ? await readPublished(place) : undefined;
  const problems: string[] = [];
  for (const { version, files } of index?.versions ?? [])
    for (const { file, size, sha256 } of files) {
      const found = await digestOf(join(place, version, file));
      if (found?.size !== size || found.sha256 !== sha256)
        problems.push(`${version}/${file} differs`);
    }
  for (const name of await readdir(place)) {
    if (/^[a-z]+\.json$/.test(name) && name !== INDEX)
      problems.push(...(await problemsOfDeviceFile(place, name)));
    if (name.startsWith('.') || !(await stat(join(place, name))).isDirectory()) continue;
    problems.push(...(await problemsOfDirectory(place, name)));
  }
  return problems;
}

/** What devices read: `<channel>.json` names an app that is there, with its SHA-256. */
async function problemsOfDeviceFile(place: string, name: string): Promise<readonly string[]> {
  const { firmware, sha, length } = JSON.parse(await readFile(join(place, name), 'utf8')) as {
    readonly firmware: string;
    readonly sha: string;
    readonly length: number;
  };
  const found = await digestOf(join(place, decodeURIComponent(firmware)));
  return found?.sha256 === sha && found.size === length ? [] : [`${name} has another app`];
}

/** What is in the directory of a target name, but for the pages that are made from the index. */
export async function withoutPages(place: string): Promise<readonly string[]> {
  const names = await readdir(place);
  const isPage = (name: string): boolean =>
    name === 'index.html' || (/^[a-z-]+\.json$/.test(name) && name !== INDEX);
  return names.filter((name) => !isPage(name)).sort();
}

async function problemsOfDirectory(place: string, name: string): Promise<readonly string[]> {
  const sums = await readFile(join(place, name, 'SHA256SUMS'), 'utf8').catch(() => '');
  const problems = sums === '' ? [`${name} has no SHA256SUMS`] : [];
  for (const [, digest, file = ''] of sums.matchAll(/^([0-9a-f]{64}) \*(.+)$/gm))
    if ((await digestOf(join(place, name, file)))?.sha256 !== digest)
      problems.push(`${name}/${file} is not what SHA256SUMS says`);
  return problems;
}

async function digestOf(path: string): Promise<{ size: number; sha256: string } | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return undefined;
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

import type { SignatureScheme } from '../../builder/format/signature-scheme.ts';
import { chipOf } from './boards.ts';
import { createWorkspace, type Workspace } from './cli.ts';
import { makeRelease } from './firmware.ts';
import { privatePem, publicPem } from './pem.ts';
import { aPrivateKey } from './signature-blocks.ts';

/** Names of keys, each made once for a test file; `<scheme>-<name>.pem` and `.pub.pem` in a workspace. */
export const KEY_NAMES = ['first', 'second', 'third'] as const;

export type SignedBuild = {
  readonly board: string;
  readonly scheme: SignatureScheme;
  readonly count: number;
  /** In out/ of the workspace. */
  readonly version: string;
};

/** A workspace with firmware for some boards (`<board>.bin`) and key files of some schemes. */
export async function createSigningWorkspace(
  boards: readonly string[],
  schemes: readonly SignatureScheme[],
): Promise<Workspace> {
  const workspace = await createWorkspace();
  for (const board of boards)
    await workspace.write(`${board}.bin`, makeRelease({ chip: chipOf(board) }));
  for (const scheme of schemes) {
    for (const name of KEY_NAMES) {
      const key = aPrivateKey(scheme, name);
      await workspace.write(`${scheme}-${name}.pem`, privatePem(key), 0o600);
      await workspace.write(`${scheme}-${name}.pub.pem`, publicPem(key));
    }
  }
  return workspace;
}

/** The key files that a build is signed with, in order. */
export function keyFiles({
  scheme,
  count,
}: Pick<SignedBuild, 'scheme' | 'count'>): readonly string[] {
  return KEY_NAMES.slice(0, count).map((name) => `${scheme}-${name}.pem`);
}

/** Builds a release; `count` 0 leaves it unsigned. Returns the path of its app in the workspace. */
export async function build(workspace: Workspace, request: SignedBuild): Promise<string> {
  const { board, scheme, version } = request;
  const { code, stderr } = await workspace.runHere([
    ...['--board', board, '--firmware', `${board}.bin`, '--app-version', version, '--force'],
    ...keyFiles(request).flatMap((file) => ['--key', file]),
    ...['--scheme', scheme],
  ]);
  if (code !== 0) throw new Error(stderr);
  return `out/${board}-${version}/${board}-${version}.app-bin`;
}

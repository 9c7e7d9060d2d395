import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { PublishError, VerifyError } from '../errors/families.ts';
import { hashInput } from '../files/read-input.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { CHECKSUMS } from '../manifest/release-files.ts';
import { MOST_BYTES } from '../verify/read-release.ts';
import { errorsOf } from '../verify/finding.ts';
import { describeFindings } from '../verify/report.ts';
import { verifyPath, type Verification } from '../verify/verify-path.ts';

/** A file of a release: its name, bytes, and SHA-256 in hex. */
export type PublishedFile = {
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
};

/** A release directory that has passed the checker, so that it may be published. Made by `checkPublishable` only. */
export type Publishable = {
  /** Absolute. */
  readonly directory: string;
  /** As the user wrote it. */
  readonly name: string;
  /** `<BOARD>[-<VARIANT>]`: what its place in a target is called. */
  readonly targetName: string;
  /** `<BOARD>[-<VARIANT>]-<version>`. */
  readonly stem: string;
  readonly manifest: Manifest;
  /** Every file of the directory, as it was when it was checked, sorted by name. */
  readonly files: readonly PublishedFile[];
  readonly verification: Verification;
};

export type CheckOptions = {
  readonly projectDirectory: string;
  readonly trust?: string;
  /** Publishes a release whose signatures are not by keys that count, or that has other errors: on purpose only. */
  readonly allowUnverified: boolean;
};

/**
 * Verifies a release directory and takes down what is in it: what is published later has to be exactly this. Throws
 * VerifyError when something in it does not hold, PublishError (RELEASE_REFUSED) when it is not a release directory.
 */
export async function checkPublishable(name: string, options: CheckOptions): Promise<Publishable> {
  const { projectDirectory, trust } = options;
  const directory = resolve(projectDirectory, name);
  const verification = await verifyPath(directory, {
    name,
    projectDirectory,
    ...(trust === undefined ? {} : { trust }),
  });
  const { manifest } = verification;
  if (verification.kind !== 'release' || manifest === undefined) {
    throw new PublishError('RELEASE_REFUSED', `${name} is not a release directory of ota-build`, {
      hint: 'Name the directory that `ota-build` wrote, such as out/ESP32_GENERIC-1.2.3.',
    });
  }
  if (!verification.ok && !options.allowUnverified) {
    throw new VerifyError(
      'VERIFICATION_FAILED',
      `${name} does not pass verification, and was not published:\n${describeFindings(errorsOf(verification.checks))}`,
    );
  }
  const targetName = [manifest.board, manifest.variant]
    .filter((part) => part !== undefined)
    .join('-');
  const stem = `${targetName}-${manifest.version}`;
  return {
    directory,
    name,
    targetName,
    stem,
    manifest,
    files: await listedFiles(directory, name),
    verification,
  };
}

/** The files that SHA256SUMS lists, and itself: the checker has compared the list with the directory. */
async function listedFiles(directory: string, name: string): Promise<readonly PublishedFile[]> {
  const checksums = await readFile(join(directory, CHECKSUMS), 'utf8').catch(() => {
    throw new PublishError(
      'RELEASE_REFUSED',
      `${name} has no ${CHECKSUMS}: it is an unpacked zip; the release directory itself was expected`,
    );
  });
  const names = [...checksums.matchAll(/^[0-9a-f]{64} \*(.+)$/gm)].map(([, file = '']) => file);
  const files: PublishedFile[] = [];
  for (const file of [...names, CHECKSUMS].sort()) {
    const { size, sha256 } = await hashInput(
      join(directory, basename(file)),
      'a file of a release',
      MOST_BYTES,
    );
    files.push({ file, size, sha256 });
  }
  return files;
}

import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PublishError } from '../errors/families.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { CHECKSUMS } from '../manifest/release-files.ts';
import { verifyPath, type Verification } from '../verify/verify-path.ts';

/** A file of a release: its name, bytes, and SHA-256 in hex. */
export type PublishedFile = {
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
};

/** A release directory that has been through the checker just now. Made by `checkPublishable` only. */
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
};

/** Files of a published tree, or of its root: no release may take their place. */
const RESERVED_VERSION = /\.(?:json|html|sig|lock)$/i;
const RESERVED_TARGET = 'assets';
/** As an index lists them. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,254}$/;

/**
 * Verifies a release directory and takes down what is in it: what is published later has to be exactly this. Whether it passed
 * is in `verification`, for the gates to judge. Throws PublishError (RELEASE_REFUSED) when it is not a release directory, or one
 * whose names cannot be those of published files; as `verifyPath` throws for a trust file.
 */
export async function checkPublishable(name: string, options: CheckOptions): Promise<Publishable> {
  const { projectDirectory, trust } = options;
  const directory = resolve(projectDirectory, name);
  const verification = await verifyPath(directory, {
    name,
    projectDirectory,
    ...(trust === undefined ? {} : { trust }),
  });
  const { manifest, digests } = verification;
  if (manifest === undefined || digests === undefined) {
    throw refused(name, 'is not a release directory of ota-build', RELEASE_HINT);
  }
  requireFreeNames(name, manifest);
  const targetName = [manifest.board, manifest.variant]
    .filter((part) => part !== undefined)
    .join('-');
  return {
    directory,
    name,
    targetName,
    stem: `${targetName}-${manifest.version}`,
    manifest,
    files: await listFiles(directory, name, digests),
    verification,
  };
}

const RELEASE_HINT = 'Name the directory that `ota-build` wrote, such as out/ESP32_GENERIC-1.2.3.';

/** Board and version become directories of a target, which has some of its own. */
function requireFreeNames(name: string, { board, variant, version }: Manifest): void {
  if (board === RESERVED_TARGET && variant === undefined)
    throw refused(name, `is for a board called ${board}, where a published tree has its scripts`);
  if (RESERVED_VERSION.test(version))
    throw refused(name, `has a version that cannot name its directory: '${version}'`);
}

/** Every file that is there, with the digest that it had when it was checked: a later change shows when it is copied. */
async function listFiles(
  directory: string,
  name: string,
  digests: ReadonlyMap<string, string>,
): Promise<readonly PublishedFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files: PublishedFile[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name: file } = entry;
    const sha256 = digests.get(file);
    if (!entry.isFile() || !FILE_NAME.test(file) || sha256 === undefined)
      throw refused(name, `has something in it that cannot be published: ${file}`);
    const { size } = await stat(join(directory, file));
    files.push({ file, size, sha256 });
  }
  if (!digests.has(CHECKSUMS))
    throw refused(
      name,
      `has no ${CHECKSUMS}: it is an unpacked zip`,
      'Name the release directory that the zip lies in.',
    );
  return files;
}

function refused(name: string, problem: string, hint?: string): PublishError {
  return new PublishError('RELEASE_REFUSED', `${name} ${problem}`, {
    where: { file: name },
    ...(hint === undefined ? {} : { hint }),
  });
}

import { PublishError } from '../../errors/families.ts';
import { MANIFEST } from '../../manifest/release-files.ts';

/**
 * Names that GitHub keeps as they are: letters, digits, `.`, `_`, `-` and `+`, no period first or last. It renames others
 * ("GitHub renames asset filenames that have special characters, non-alphanumeric characters, and leading or trailing
 * periods", REST API, Upload a release asset).
 */
const KEPT_BY_GITHUB = /^[A-Za-z0-9_](?:[A-Za-z0-9._+-]*[A-Za-z0-9_+-])?$/;

/**
 * What a file of a release directory is called among the assets of a GitHub release, which may hold several directories:
 * files that are named after the release (`<stem>.bin`) keep their name, others get it in front (`<stem>.manifest.json`).
 * `stem` is `<BOARD>[-<VARIANT>]-<version>`.
 */
export function assetName(stem: string, file: string): string {
  return file.startsWith(`${stem}.`) ? file : `${stem}.${file}`;
}

/**
 * The file of a release directory that an asset is, undefined when it is none of them. `files` are the names of that
 * directory, as SHA256SUMS has them: a name alone does not say whether the stem was put in front.
 */
export function fileOfAsset(
  stem: string,
  asset: string,
  files: readonly string[],
): string | undefined {
  return files.find((file) => assetName(stem, file) === asset);
}

/**
 * The stem of a release that an asset is the manifest of: `<stem>` for `<stem>.manifest.json`, undefined for other assets.
 * Every release directory in a GitHub release has exactly one such asset.
 */
export function stemOfManifestAsset(asset: string): string | undefined {
  const ending = `.${MANIFEST}`;
  return asset.endsWith(ending) && asset.length > ending.length
    ? asset.slice(0, -ending.length)
    : undefined;
}

/** `<BOARD>[-<VARIANT>]` of a stem, undefined when the stem is of another version. */
export function targetNameOfStem(stem: string, version: string): string | undefined {
  const ending = `-${version}`;
  return stem.endsWith(ending) && stem.length > ending.length
    ? stem.slice(0, -ending.length)
    : undefined;
}

/**
 * The asset of each file of a release directory. Throws PublishError (RELEASE_REFUSED) when two files would have one name,
 * or GitHub would rename one.
 */
export function assetNames(stem: string, files: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const file of files) {
    const name = assetName(stem, file);
    const other = fileOfAsset(stem, name, [...names.keys()]);
    if (other !== undefined)
      throw new PublishError(
        'RELEASE_REFUSED',
        `${other} and ${file} of ${stem} would both be asset ${name} of the GitHub release`,
      );
    if (!KEPT_BY_GITHUB.test(name))
      throw new PublishError(
        'RELEASE_REFUSED',
        `GitHub does not keep the name ${JSON.stringify(name)} of an asset; letters, digits, ".", "_", "+" and "-" were expected, no period at the end`,
      );
    names.set(file, name);
  }
  return names;
}

/** A release of ESP-IDF. */
export type IdfVersion = { readonly major: number; readonly minor: number; readonly patch: number };

/** As Espressif tags it: `v5.3` has no patch number, `v5.5.1` has one. */
export function idfTag({ major, minor, patch }: IdfVersion): string {
  return patch === 0 ? `v${major}.${minor}` : `v${major}.${minor}.${patch}`;
}

/** Reads `v5.5.1`, `5.5.1` or `v5.3`; undefined for anything else. */
export function parseIdfTag(text: string): IdfVersion | undefined {
  const match = /^v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, major, minor, patch = '0'] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch) };
}

/** As Espressif would tag it: `v5.2.0` is `v5.2`. Text that is no version stays as it is. */
export function normalIdfTag(text: string): string {
  const version = parseIdfTag(text);
  return version === undefined ? text : idfTag(version);
}

/**
 * Reads tools/cmake/version.cmake, which is what `idf.py --version` goes by when there is no git (ESP-IDF
 * tools/cmake/version.cmake: IDF_VERSION_MAJOR, _MINOR, _PATCH). Undefined for any other text.
 */
export function parseVersionCmake(text: string): IdfVersion | undefined {
  const field = (name: string): number | undefined => {
    const match = new RegExp(`^\\s*set\\(IDF_VERSION_${name}\\s+(\\d{1,3})\\)`, 'm').exec(text);
    return match === null ? undefined : Number(match[1]);
  };
  const [major, minor, patch] = [field('MAJOR'), field('MINOR'), field('PATCH')];
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  return { major, minor, patch };
}

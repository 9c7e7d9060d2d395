import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '../../errors/families.ts';
import { packageDirectory } from '../../files/package-directory.ts';
import { readInput } from '../../files/read-input.ts';
import { manifestSchema, type Manifest } from '../../manifest/manifest.ts';
import { MANIFEST } from '../../manifest/release-files.ts';
import { checkSchema } from '../../schema/schema.ts';
import type { PageFile, PageRelease } from './page-input.ts';

/** Folder of the page's scripts, beside the folders of the boards: named after the version of esp-web-tools in them. */
export const ASSETS = 'assets/esp-web-tools-10.4.0';

/** The script that a page loads; the others are loaded by it. */
export const ENTRY = 'page.js';

/**
 * The scripts that pages load: esp-web-tools with all that it needs, as our own build has bundled it. Paths are below the
 * root of the published tree. Throws UsageError when the package is not whole.
 */
export async function webAssets(): Promise<readonly PageFile[]> {
  const folder = join(packageDirectory(), 'dist', 'web');
  const names = (await readdir(folder)).sort();
  const files: PageFile[] = [];
  for (const name of names) {
    const bytes = await readInput(join(folder, name), 'a script of our package');
    files.push({ file: `${ASSETS}/${name}`, bytes });
  }
  return files;
}

/**
 * What a page needs of a release directory that has been verified. Throws UsageError when it cannot be read, FormatError
 * when its manifest is not one or names no app.
 */
export async function readPageRelease(directory: string): Promise<PageRelease> {
  const file = join(directory, MANIFEST);
  const bytes = await readInput(file, 'the manifest of a release');
  const manifest = parseManifest(bytes);
  const app = manifest?.artifacts.find(({ role }) => role === 'app');
  if (manifest === undefined || app === undefined)
    throw new FormatError('BAD_VALUE', `${file} is not the manifest of a release`, {
      where: { file },
    });
  const appBytes = await readInput(join(directory, app.file), 'the app of a release');
  return { manifest, appMd5: createHash('md5').update(appBytes).digest('hex') };
}

function parseManifest(bytes: Buffer): Manifest | undefined {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  const result = checkSchema(manifestSchema, json);
  return result.ok ? result.value : undefined;
}

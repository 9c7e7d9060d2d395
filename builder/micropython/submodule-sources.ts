import { join } from 'node:path';
import { readInput } from '../files/read-input.ts';
import { readGit } from '../process/git.ts';
import type { SourceTree } from './source-tree.ts';

/** A submodule that a build reads: where it comes from, and the commit of it that MicroPython's own commit names. */
export type SubmoduleSource = {
  readonly path: string;
  readonly url?: string;
  readonly commit?: string;
};

const TIMEOUT_MS = 60_000;

/** The submodules that the esp32 port reads, with what .gitmodules and git say of each; by path. */
export async function submoduleSources({
  directory,
  submodules,
}: Pick<SourceTree, 'directory' | 'submodules'>): Promise<readonly SubmoduleSource[]> {
  const paths = submodules.needed.map(({ path }) => path).sort();
  if (paths.length === 0) return [];
  const urls = await readUrls(directory);
  const { ok, stdout } = await readGit(['ls-tree', 'HEAD', '--', ...paths], {
    directory,
    timeoutMs: TIMEOUT_MS,
  });
  const commits = new Map(
    [...(ok ? stdout : '').matchAll(/^160000 commit ([0-9a-f]{40,64})\t(.+)$/gm)].map(
      ([, commit = '', path = '']) => [path, commit],
    ),
  );
  return paths.map((path) => {
    const [url, commit] = [urls.get(path), commits.get(path)];
    return {
      path,
      ...(url === undefined ? {} : { url }),
      ...(commit === undefined ? {} : { commit }),
    };
  });
}

async function readUrls(directory: string): Promise<ReadonlyMap<string, string>> {
  const file = join(directory, '.gitmodules');
  const text = (await readInput(file, 'the list of submodules', 1024 * 1024)).toString();
  const urls = new Map<string, string>();
  for (const section of text.split(/^\s*\[/m)) {
    const path = /^\s*path\s*=\s*(\S+)\s*$/m.exec(section)?.[1];
    const url = /^\s*url\s*=\s*(\S+)\s*$/m.exec(section)?.[1];
    // An address of this machine, or with a name and password in it, is nobody's business.
    if (path !== undefined && url !== undefined && /^https:\/\/[^@]+$/.test(url))
      urls.set(path, url);
  }
  return urls;
}

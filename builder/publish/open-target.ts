import { PublishError } from '../errors/families.ts';
import { dirTarget, type DirTargetOptions } from './dir/dir-target.ts';
import { makePage } from './dir/make-page.ts';
import { githubTarget } from './github/github-target.ts';
import type { Target } from './target.ts';

export type TargetOptions = DirTargetOptions & {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Tag of a release on GitHub, instead of `v<version>`. */
  readonly tag?: string;
};

/**
 * Opens what `--to` names: `dir:PATH`, a static tree, or `github:OWNER/REPO`, the releases of a repository. Throws PublishError
 * (TARGET_INVALID) for anything else.
 */
export function openTarget(name: string, options: TargetOptions): Target {
  const [, kind = '', rest = ''] = /^([a-z]+):(.+)$/s.exec(name) ?? [];
  if (kind === 'dir') return dirTarget(name, rest, { page: makePage, ...options });
  if (kind === 'github') {
    const { note, warn } = options;
    return githubTarget(name, {
      ...options,
      progress: note,
      warn: (message) => {
        warn?.('GITHUB', message);
      },
    });
  }
  throw new PublishError('TARGET_INVALID', `'${name}' is not a target that could be published to`, {
    hint: 'Name a directory, as in --to dir:PATH, or a repository, as in --to github:OWNER/REPO.',
  });
}

import { PublishError } from '../errors/families.ts';
import { dirTarget, type DirTargetOptions } from './dir/dir-target.ts';
import { makePage } from './dir/make-page.ts';
import type { Target } from './target.ts';

export type TargetOptions = DirTargetOptions;

/**
 * Opens what `--to` names: `dir:PATH`, a static tree, or `github:OWNER/REPO`, the releases of a repository. Throws PublishError
 * (TARGET_INVALID) for anything else.
 */
export function openTarget(name: string, options: TargetOptions): Target {
  const [, kind = '', rest = ''] = /^([a-z]+):(.+)$/s.exec(name) ?? [];
  // `github:` has its place here: githubTarget(rest, options).
  if (kind === 'dir') return dirTarget(name, rest, { page: makePage, ...options });
  throw new PublishError('TARGET_INVALID', `'${name}' is not a target that could be published to`, {
    hint: 'Name a directory, as in --to dir:PATH.',
  });
}

import { PublishError } from '../../errors/families.ts';
import type { GitHubApi } from './api.ts';
import { statusOf } from './failure.ts';

/**
 * Refuses, before anything is changed, a repository that is not there or takes no releases, and a token that may not write
 * them. Throws PublishError: TARGET_INVALID, TOKEN_SCOPE.
 */
export async function checkRepository(api: GitHubApi, tag: string): Promise<void> {
  const facts = await api.facts().catch((error: unknown) => {
    throw statusOf(error) === 404 ? unknownRepository(api) : error;
  });
  if (facts.fullName.toLowerCase() !== api.repository.toLowerCase())
    throw new PublishError(
      'TARGET_INVALID',
      `${api.repository} is called ${facts.fullName} now: name it so`,
    );
  if (facts.isArchived)
    throw new PublishError(
      'TARGET_INVALID',
      `${api.repository} is archived: nothing can be published there`,
    );
  requireScope(api, facts.scopes, facts.isPrivate);
  try {
    await api.requireWriteAccess(tag);
  } catch (error) {
    const status = statusOf(error);
    // GitHub hides from a token what it may not do; the repository itself was there a moment ago.
    if (status === 404) throw noRight(api, 'GitHub answered 404 to a request that needs it');
    // 422: about a repository without a commit or the like, after the token was let through.
    if (status !== 422) throw error;
  }
}

function requireScope(
  api: GitHubApi,
  scopes: readonly string[] | undefined,
  isPrivate: boolean,
): void {
  if (scopes === undefined) return;
  const enough = isPrivate ? ['repo'] : ['repo', 'public_repo'];
  if (enough.some((scope) => scopes.includes(scope))) return;
  const has = scopes.filter((scope) => scope !== '').join(', ');
  throw noRight(
    api,
    `it has ${has === '' ? 'no scope' : `the scopes ${has}`}, and ${enough.join(' or ')} was expected`,
  );
}

function noRight(api: GitHubApi, why: string): PublishError {
  return new PublishError(
    'TOKEN_SCOPE',
    `the token may not write releases of ${api.repository}: ${why}`,
    {
      hint: 'A classic token needs the scope repo (public_repo for public repositories), a fine-grained one Contents: read and write, a workflow `permissions: contents: write`.',
    },
  );
}

function unknownRepository(api: GitHubApi): PublishError {
  return new PublishError(
    'TARGET_INVALID',
    `GitHub has no repository ${api.repository}, or the token may not see it`,
    { hint: 'Look at its spelling, and at the repositories that the token was made for.' },
  );
}

import { PublishError } from '../../errors/families.ts';
import type { ReleaseRun } from './publish-release.ts';

/**
 * The commit that the tag is at, or is to be made at; undefined when GitHub makes it at the default branch. Throws PublishError
 * (RELEASE_REFUSED) when the tag is at another commit than the release was made from, or when there is no such commit.
 */
export async function commitForTag({
  api,
  plan,
  commitish,
  tell,
}: ReleaseRun): Promise<string | undefined> {
  const tagged = await api.commitOf(`tags/${plan.tag}`);
  if (commitish === undefined) {
    if (tagged === undefined)
      tell.note(
        `tag ${plan.tag} does not exist: GitHub makes it at the newest commit of the default branch`,
      );
    return tagged;
  }
  const expected = await api.commitOf(commitish);
  if (expected === undefined)
    throw new PublishError(
      'RELEASE_REFUSED',
      `${api.repository} has no commit ${commitish}, which tag ${plan.tag} would be made at`,
      { hint: 'Push it first.' },
    );
  if (tagged !== undefined && tagged !== expected)
    throw new PublishError(
      'RELEASE_REFUSED',
      `tag ${plan.tag} of ${api.repository} is at commit ${tagged}, and this release was made from ${expected}`,
      { hint: 'Build the release from the commit of its tag, or give it a new version.' },
    );
  return expected;
}

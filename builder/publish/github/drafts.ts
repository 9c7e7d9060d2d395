import { compareVersions } from '../../release-index/versions.ts';
import type { GitHubApi, NewRelease } from './api.ts';
import { digestInBody } from './release-body.ts';
import type { ReleasePlan } from './release-plan.ts';
import { attemptOnce } from './retry.ts';
import type { StoredRelease } from './stored.ts';

/** What the releases of a repository say about a tag that is not published. */
export type TagSurvey = {
  /** Drafts made by us for exactly these bytes; the oldest first, so that all publishers of the same choose the same. */
  readonly ours: readonly StoredRelease[];
  /** Drafts made by us for other bytes: an earlier attempt, or somebody who publishes something else right now. */
  readonly others: readonly StoredRelease[];
  /** Drafts made by somebody else. */
  readonly foreign: readonly StoredRelease[];
  /** Tags of stable releases with a higher version: GitHub's "latest" stays theirs. */
  readonly newerStable: readonly string[];
};

/** Looks for the drafts of a tag, of which GitHub lets there be any number, and for higher versions. */
export async function surveyTag(api: GitHubApi, plan: ReleasePlan): Promise<TagSurvey> {
  const isNewer = ({ isDraft, isPrerelease, tag }: StoredRelease): boolean =>
    !isDraft && !isPrerelease && (compareVersions(tag, plan.version) ?? 0) > 0;
  const releases = await api.releases((release) =>
    isNewer(release) || (release.isDraft && release.tag === plan.tag) ? [release] : [],
  );
  const drafts = releases.filter(({ isDraft }) => isDraft).sort((a, b) => a.id - b.id);
  const digest = (draft: StoredRelease): string | undefined => digestInBody(draft.body);
  return {
    ours: drafts.filter((draft) => digest(draft) === plan.digest),
    others: drafts.filter((draft) => ![undefined, plan.digest].includes(digest(draft))),
    foreign: drafts.filter((draft) => digest(draft) === undefined),
    newerStable: releases.filter(isNewer).map(({ tag }) => tag),
  };
}

/** The draft of an earlier attempt at exactly these bytes, else a new one. */
export async function takeDraft(
  api: GitHubApi,
  { plan, release, signal }: { plan: ReleasePlan; release: NewRelease; signal: AbortSignal },
): Promise<{
  readonly draft: StoredRelease;
  readonly isResumed: boolean;
  readonly found: TagSurvey;
}> {
  const found = await surveyTag(api, plan);
  const [resumed] = found.ours;
  if (resumed !== undefined) return { draft: resumed, isResumed: true, found };
  const draft = await attemptOnce({
    signal,
    attempt: () => api.createDraft(release),
    find: async () => (await surveyTag(api, plan)).ours[0],
  });
  return { draft, isResumed: false, found };
}

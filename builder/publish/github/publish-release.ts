import { PublishError } from '../../errors/families.ts';
import type { GitHubApi, NewRelease } from './api.ts';
import { surveyTag, takeDraft } from './drafts.ts';
import { statusOf } from './failure.ts';
import { knownReleases, listReleases } from './known-releases.ts';
import { formatReleaseBody } from './release-body.ts';
import type { ReleasePlan } from './release-plan.ts';
import { attemptOnce } from './retry.ts';
import { compareAssets, listed, problemOfAsset } from './stored-asset-check.ts';
import type { StoredRelease } from './stored.ts';
import { commitForTag } from './tag-commit.ts';
import { uploadAsset } from './upload-asset.ts';

/** What a run tells while it works. */
export type Tell = {
  readonly note: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly progress: (text: string) => void;
};

export type ReleaseRun = {
  readonly api: GitHubApi;
  readonly plan: ReleasePlan;
  readonly signal: AbortSignal;
  readonly tell: Tell;
  /** Commit, branch or tag that the release was made from. */
  readonly commitish?: string;
};

export type PublishedRelease = { readonly release: StoredRelease; readonly already: boolean };

/**
 * Makes the plan true: a draft is filled, compared and published, once. A release that is published already is never changed:
 * the same assets are fine, anything else is refused. Throws PublishError.
 */
export async function publishRelease(run: ReleaseRun): Promise<PublishedRelease> {
  const { api, plan, tell } = run;
  const published = await api.releaseOfTag(plan.tag);
  if (published !== undefined) {
    await requireSame(run, published);
    await warnOfTag(run);
    return { release: published, already: true };
  }
  const commit = await commitForTag(run);
  const fields: NewRelease = {
    tag: plan.tag,
    title: plan.tag,
    body: formatReleaseBody(plan, api.repository),
    prerelease: plan.isPrerelease,
    ...(commit === undefined ? {} : { commit }),
  };
  const { draft, isResumed, found } = await takeDraft(api, {
    plan,
    release: fields,
    signal: run.signal,
  });
  if (isResumed) tell.note(`goes on with the draft of ${plan.tag} that an earlier run has left`);
  if (found.foreign.length > 0)
    tell.warn(
      `${api.repository} has a draft of ${plan.tag} that ota-build did not make: it stays as it is`,
    );
  await fill(run, draft);
  const result = await publishDraft(run, draft, {
    ...fields,
    isLatest: !plan.isPrerelease && found.newerStable.length === 0,
  });
  await removeLeftDrafts(run);
  return result;
}

/** Puts everything into the draft that is not in it, and compares all of it with what GitHub has stored. */
async function fill({ api, plan, signal, tell }: ReleaseRun, draft: StoredRelease): Promise<void> {
  const stored = new Map((await api.assets(draft.id)).map((each) => [each.name, each]));
  for (const [index, asset] of plan.assets.entries()) {
    const found = stored.get(asset.name);
    if (found !== undefined) {
      if ((await problemOfAsset(api, asset, found)) === undefined) continue;
      await api.deleteAsset(found);
    }
    tell.progress(`uploads ${asset.name} (${index + 1} of ${plan.assets.length})`);
    await uploadAsset(api, draft, asset, signal);
  }
  tell.progress(`compares ${plan.assets.length} assets with what GitHub has stored`);
  const { missing, different, extra } = await compareAssets(api, draft.id, plan);
  if (extra.length > 0)
    tell.warn(`the draft of ${plan.tag} has assets that are not of this release:${listed(extra)}`);
  if (missing.length + different.length === 0) return;
  throw new PublishError(
    'ASSET_MISMATCH',
    `the draft of ${plan.tag} is not what was uploaded, and was not published:${listed([
      ...missing.map((name) => `${name} is missing`),
      ...different,
    ])}`,
    { hint: 'Run the same command again.' },
  );
}

async function publishDraft(
  run: ReleaseRun,
  draft: StoredRelease,
  fields: NewRelease & { readonly isLatest: boolean },
): Promise<PublishedRelease> {
  const { api, signal } = run;
  await requireAdmission(run);
  try {
    await attemptOnce({
      signal,
      attempt: () => api.publishDraft(draft.id, fields),
      find: async () => {
        const now = await api.release(draft.id);
        return now?.isDraft === false ? now : undefined;
      },
    });
  } catch (error) {
    return await publishedByOther(run, error);
  }
  return { release: await readBack(run, draft.id), already: false };
}

/** Others may have published while we uploaded: what the gates compare with is asked for once more. */
async function requireAdmission({ api, plan }: ReleaseRun): Promise<void> {
  const asking = plan.publications.filter(({ admit }) => admit !== undefined);
  if (asking.length === 0) return;
  const listed = await listReleases(api);
  for (const { admit, release } of asking)
    admit?.(await knownReleases(api, listed, release.targetName));
}

/** 404 and 422 come when another publisher was faster: its release counts when it is the same. */
async function publishedByOther(run: ReleaseRun, error: unknown): Promise<PublishedRelease> {
  const { api, plan } = run;
  if (![404, 422].includes(statusOf(error) ?? 0)) throw error;
  const published = await api.releaseOfTag(plan.tag);
  if (published === undefined) throw error;
  await requireSame(run, published);
  await removeLeftDrafts(run);
  return { release: published, already: true };
}

async function readBack(run: ReleaseRun, id: number): Promise<StoredRelease> {
  const { api, plan } = run;
  const release = await api.release(id);
  const isAsPlanned =
    release !== undefined &&
    !release.isDraft &&
    release.tag === plan.tag &&
    release.isPrerelease === plan.isPrerelease;
  if (!isAsPlanned)
    throw new PublishError(
      'ASSET_MISMATCH',
      `release ${plan.tag} of ${api.repository} was published, but is not what was asked for: look at it before anybody uses it`,
    );
  await requireSame(run, release);
  await commitForTag(run);
  return release;
}

/** Throws PublishError unless a published release has exactly the plan's assets (it may have others beside them). */
async function requireSame({ api, plan }: ReleaseRun, release: StoredRelease): Promise<void> {
  const { missing, different } = await compareAssets(api, release.id, plan);
  const hint = 'What is published is never changed. Give the release a new version.';
  if (different.length > 0)
    throw new PublishError(
      'RELEASE_EXISTS',
      `release ${plan.tag} of ${api.repository} is published with other bytes:${listed(different)}`,
      { hint, details: { different } },
    );
  if (missing.length > 0)
    throw new PublishError(
      'RELEASE_EXISTS',
      `release ${plan.tag} of ${api.repository} is published without these assets:${listed(missing)}`,
      { hint, details: { missing } },
    );
}

/** The bytes are out already, whatever they were made from: that the tag is elsewhere is only said. */
async function warnOfTag(run: ReleaseRun): Promise<void> {
  try {
    await commitForTag(run);
  } catch (error) {
    if (!(error instanceof PublishError) || error.code !== 'RELEASE_REFUSED') throw error;
    run.tell.warn(error.message);
  }
}

/** Drafts of this tag that we made, which nothing can come of any more. */
async function removeLeftDrafts({ api, plan, tell }: ReleaseRun): Promise<void> {
  try {
    const { ours, others } = await surveyTag(api, plan);
    for (const { id } of [...ours, ...others]) await api.deleteRelease(id);
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    tell.warn(`a draft of ${plan.tag} is left over: ${error.message}`);
  }
}

import type { GitHubApi } from './api.ts';
import type { PlannedAsset, ReleasePlan } from './release-plan.ts';
import type { StoredAsset } from './stored.ts';

/** Why an asset is not what it should be, as a clause that goes on after its name; undefined when it is. */
export async function problemOfAsset(
  api: GitHubApi,
  asset: PlannedAsset,
  stored: StoredAsset,
): Promise<string | undefined> {
  if (stored.name !== asset.name) return `was stored as ${stored.name}`;
  if (stored.state !== 'uploaded') return `is not whole (its state is ${stored.state})`;
  if (stored.size !== asset.size) return `has ${stored.size} bytes; ${asset.size} were expected`;
  // Where GitHub does not say an asset's digest, the asset itself does.
  const sha256 = stored.sha256 ?? (await api.hashAsset(stored));
  if (sha256 !== asset.sha256) return `has SHA-256 ${sha256}; ${asset.sha256} was expected`;
  return undefined;
}

/** How the assets of a release differ from the plan. */
export type Differences = {
  readonly missing: readonly string[];
  /** `<name> <problem>`. */
  readonly different: readonly string[];
  /** Not in the plan: somebody else has put them there. */
  readonly extra: readonly string[];
};

/** Compares a release's assets, as GitHub has them now, with the plan. */
export async function compareAssets(
  api: GitHubApi,
  releaseId: number,
  plan: ReleasePlan,
): Promise<Differences> {
  const stored = new Map((await api.assets(releaseId)).map((each) => [each.name, each]));
  const missing: string[] = [];
  const different: string[] = [];
  for (const asset of plan.assets) {
    const found = stored.get(asset.name);
    const problem = found === undefined ? undefined : await problemOfAsset(api, asset, found);
    if (found === undefined) missing.push(asset.name);
    else if (problem !== undefined) different.push(`${asset.name} ${problem}`);
  }
  const planned = new Set(plan.assets.map(({ name }) => name));
  const extra = [...stored.keys()].filter((name) => !planned.has(name));
  return { missing, different, extra };
}

/** A few names, and how many more there are. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `\n  ${name}`);
  const rest = names.length - shown.length;
  return `${shown.join('')}${rest > 0 ? `\n  and ${rest} more` : ''}`;
}

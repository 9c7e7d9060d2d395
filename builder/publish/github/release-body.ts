import type { Manifest } from '../../manifest/manifest.ts';
import { fetchFlags } from '../fetch-flags.ts';
import type { ReleasePlan } from './release-plan.ts';

const MARKER = /<!-- ota-build ([0-9a-f]{64}) -->/;

/**
 * The text of a release, in GitHub's Markdown: what there is for which board, who signed it, and how to get and check it. A
 * comment in it says which bytes the release was made for. `repository` is `OWNER/REPO`.
 */
export function formatReleaseBody(plan: ReleasePlan, repository: string): string {
  const manifests = plan.publications.map(({ release }) => release.manifest);
  const isSigned = manifests.every(({ signing }) => signing !== null);
  return [
    '| Board | Chip | Version | secure_version | Signed by |',
    '| --- | --- | --- | --- | --- |',
    ...manifests.map(row),
    '',
    ...manifests.flatMap(warnings),
    isSigned
      ? 'Get it, with everything in it checked against the keys that you trust:'
      : 'Get it; nothing proves who made what is not signed:',
    '',
    ...manifests.slice(0, 1).flatMap((manifest) => fenced(fetchCommand(manifest, repository))),
    '',
    `<!-- ota-build ${plan.digest} -->`,
    '',
  ].join('\n');
}

/** The digest of the plan that a release was made for; undefined when we did not make it. */
export function digestInBody(body: string): string | undefined {
  return MARKER.exec(body)?.[1];
}

function row(manifest: Manifest): string {
  const { board, variant, chip, version, secureVersion, signing } = manifest;
  const name = variant === undefined ? board : `${board}-${variant}`;
  const keys = (signing?.keys ?? []).map(
    ({ digest, development }) =>
      `${codeSpan(digest)}${development === true ? ' (development key)' : ''}`,
  );
  const signers = keys.length === 0 ? '**not signed**' : keys.join('<br>');
  const cells = [codeSpan(name), codeSpan(chip), codeSpan(version), secureVersion, signers];
  return `| ${cells.join(' | ')} |`;
}

function warnings({ source, board }: Manifest): readonly string[] {
  if (source.kind !== 'drill') return [];
  return [
    `**${codeSpan(board)} is the rollback drill: firmware that is meant to fail. Do not ship it.**`,
    '',
  ];
}

function fetchCommand(manifest: Manifest, repository: string): string {
  const { board, variant, version, signing } = manifest;
  const target = `--board ${board}${variant === undefined ? '' : ` --variant ${variant}`}`;
  const trust = signing === null ? '' : ' --trust trust.yaml';
  return `ota-build fetch github:${repository} ${target} --version ${version}${trust}${fetchFlags(manifest)}`;
}

/** A fence that is longer than any run of its own sign in the text. */
function fenced(text: string): readonly string[] {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return [fence, oneLine(text), fence];
}

/**
 * Text as code in a cell of a table: no markup, mention or link comes to life in it. Source: GitHub Flavored Markdown, Code
 * spans and Tables (a pipe is escaped there even in code).
 */
export function codeSpan(text: string): string {
  const line = oneLine(text);
  if (line.trim() === '') return '–';
  const ticks = '`'.repeat(longestRun(line) + 1);
  const space = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${ticks}${space}${line}${space}${ticks}`.replaceAll('|', '\\|');
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}

function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- a line end would end the table
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ');
}

import { appendFile } from 'node:fs/promises';
import type { Manifest } from '../manifest/manifest.ts';
import { isOtaSlot } from '../format/partition-types.ts';
import { isGitHubActions } from './github-actions.ts';
import type { ProcessEdge } from './process-edge.ts';
import { printable } from './render/printable.ts';
import { formatSize } from './render/size.ts';

/** What a summary has to say of a release, beside its manifest. */
export type SummaryRow = {
  readonly manifest: Manifest;
  /** What became of it: `built`, `published to dir:public`. */
  readonly what: string;
};

const HEAD = ['board', 'version', 'secure_version', 'app', 'left in its slot', 'signed by', ''];

/**
 * Adds a table of releases to the summary page of a GitHub Actions job; does nothing elsewhere. Source: GitHub Docs, "Workflow
 * commands for GitHub Actions", adding a job summary. Never throws: a page that cannot be written is no reason to fail.
 */
export async function appendJobSummary(
  title: string,
  rows: readonly SummaryRow[],
  edge: ProcessEdge,
): Promise<void> {
  const file = edge.environment['GITHUB_STEP_SUMMARY'];
  if (!isGitHubActions(edge) || file === undefined || file === '') return;
  await appendFile(file, summaryTable(title, rows)).catch(() => undefined);
}

/** The same as GitHub Flavored Markdown: boards, sizes, what is left in a slot, key digests, warnings. */
export function summaryTable(title: string, rows: readonly SummaryRow[]): string {
  const lines = [
    `### ${cell(title)}`,
    '',
    `| ${HEAD.join(' | ')} |`,
    `|${HEAD.map(() => ' --- ').join('|')}|`,
    ...rows.map((row) => `| ${cellsOf(row).join(' | ')} |`),
    '',
    ...rows.flatMap(({ manifest }) =>
      manifest.warnings.map(({ message }) => `- ${cell(nameOf(manifest))}: ${cell(message)}`),
    ),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function cellsOf({ manifest, what }: SummaryRow): readonly string[] {
  const { version, secureVersion, artifacts, partitions, signing, chip } = manifest;
  const app = artifacts.find(({ role }) => role === 'app')?.size ?? 0;
  const slots = partitions.filter(isOtaSlot).map(({ size }) => size);
  const left = Math.min(...slots) - app;
  const keys = signing?.keys.map(
    ({ digest, development }) =>
      `<code>${digest}</code>${development === true ? ' (development)' : ''}`,
  );
  return [
    `${cell(nameOf(manifest))} (${cell(chip)})`,
    cell(version),
    String(secureVersion),
    formatSize(app),
    slots.length === 0 ? '' : `${formatSize(left)} (${percent(left, app + left)})`,
    keys === undefined ? 'nobody' : `${signing?.scheme ?? ''} ${keys.join('<br>')}`,
    cell(what),
  ];
}

function nameOf({ board, variant }: Manifest): string {
  return [board, variant].filter((part) => part !== undefined).join('-');
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '' : `${Math.floor((100 * part) / whole)} %`;
}

/** Text from a manifest, inert in a table: neither HTML nor Markdown. */
function cell(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\`*_{}[\]()#+!|~$>]/g, (character) => `&#${character.charCodeAt(0)};`);
}

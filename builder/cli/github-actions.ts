import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { Where } from '../errors/ota-build-error.ts';
import type { ProcessEdge } from './process-edge.ts';

/** What GitHub shows at a line of a file, or above a job's log. */
export type Annotation = {
  readonly kind: 'error' | 'warning';
  readonly title: string;
  readonly message: string;
  readonly where?: Where;
};

/** True in a job of GitHub Actions. Source: GitHub Docs, "Default environment variables". */
export function isGitHubActions({ environment }: Pick<ProcessEdge, 'environment'>): boolean {
  return environment['GITHUB_ACTIONS'] === 'true';
}

/**
 * An annotation as a workflow command: `::error file=profiles/X.yaml,line=3,title=CODE::message`. A file outside of the checkout
 * is left out, as GitHub has no page for it. Source: GitHub Docs, "Workflow commands for GitHub Actions".
 */
export function annotationCommand(
  { kind, title, message, where }: Annotation,
  edge: Pick<ProcessEdge, 'directory' | 'environment'>,
): string {
  const file = where?.file === undefined ? undefined : pathInCheckout(where.file, edge);
  const properties: string[] = [];
  if (file !== undefined) {
    properties.push(`file=${escapeProperty(file)}`);
    if (where?.line !== undefined) properties.push(`line=${where.line}`);
    if (where?.column !== undefined) properties.push(`col=${where.column}`);
  }
  properties.push(`title=${escapeProperty(title)}`);
  return `::${kind} ${properties.join(',')}::${escapeData(message)}`;
}

/** Opens a group of lines that GitHub folds. */
export function groupCommand(title: string): string {
  return `::group::${escapeData(title)}`;
}

export const END_GROUP = '::endgroup::';

/**
 * Text of which no line is a command to GitHub's runner, which obeys lines that begin with `::`, whatever is before them, and
 * those that have `##[` somewhere. Compilers, file names and manifests may have both.
 */
export function withoutCommands(text: string): string {
  return text.replace(/^([^\S\n]*)::/gm, '$1:\u200b:').replaceAll('##[', '#\u200b#[');
}

function pathInCheckout(
  file: string,
  { directory, environment }: Pick<ProcessEdge, 'directory' | 'environment'>,
): string | undefined {
  const path = relative(environment['GITHUB_WORKSPACE'] ?? directory, resolve(directory, file));
  if (path === '' || path.startsWith('..') || isAbsolute(path)) return undefined;
  return path.split(sep).join('/');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

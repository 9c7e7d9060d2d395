import { appendFileSync, readFileSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { Where } from '../../errors/ota-build-error.ts';
import type { OutputStream, ProcessEdge } from '../process-edge.ts';
import { printable } from '../render/printable.ts';
import { workflowCommand } from './workflow-command.ts';

export type Annotation = {
  readonly title: string;
  readonly message: string;
  /** A place in a file, as messages name it: relative to the project. */
  readonly where?: Where | undefined;
};

/** Streams on which a fold is open: an error is shown by another output than the stage that it ends. */
const folded = new WeakSet<OutputStream>();

/** True in a job of GitHub Actions. */
export function isGitHub({ environment }: Pick<ProcessEdge, 'environment'>): boolean {
  return environment['GITHUB_ACTIONS'] === 'true';
}

/** What a job of GitHub Actions is told beside the words in its log: annotations, folds, and its summary page. */
export class GitHubLog {
  private readonly edge: ProcessEdge;
  /** Standard error: what is on standard output is for programs. */
  private readonly stream: OutputStream;

  constructor(edge: ProcessEdge) {
    this.edge = edge;
    this.stream = edge.commands ?? edge.stderr;
  }

  annotate(level: 'error' | 'warning', { title, message, where }: Annotation): void {
    const lines = message.split('\n').map(printable);
    this.command(level, { ...this.placeOf(where), title: printable(title) }, lines.join('\n'));
  }

  /** What follows is folded under a title. */
  fold(title: string): void {
    this.unfold();
    this.command('group', {}, printable(title));
    folded.add(this.stream);
  }

  unfold(): void {
    if (folded.delete(this.stream)) this.command('endgroup', {}, '');
  }

  /**
   * Adds to the summary page. `table`: its rows join a table with the same head that is last on the page, so that several
   * runs of a step make one table.
   */
  summarise({ head, rows }: { readonly head: string; readonly rows: readonly string[] }): void {
    const file = this.edge.environment['GITHUB_STEP_SUMMARY'] ?? '';
    if (file === '') return;
    try {
      const page = readIfThere(file);
      const last = page.lastIndexOf(head);
      const isOpen = last >= 0 && /^(\|.*\n)*$/.test(page.slice(last + head.length));
      const before = isOpen ? '' : `${page === '' || page.endsWith('\n') ? '' : '\n'}\n${head}`;
      appendFileSync(file, `${before}${rows.map((row) => `${row}\n`).join('')}`);
    } catch (error) {
      // The page is for people; what was made is made all the same.
      const message = `the summary page cannot be written: ${(error as Error).message}`;
      this.annotate('warning', { title: 'SUMMARY', message });
    }
  }

  /** GitHub names files from the top of the workspace; what is outside has no line that it could show. */
  private placeOf(where: Where | undefined): Readonly<Record<string, string | number | undefined>> {
    if (where?.file === undefined) return {};
    const { directory, environment } = this.edge;
    const top = environment['GITHUB_WORKSPACE'] ?? directory;
    const file = relative(top, resolve(directory, where.file));
    if (file === '' || file.startsWith('..') || isAbsolute(file)) return {};
    return { file: file.split(sep).join('/'), line: where.line, col: where.column };
  }

  private command(
    name: string,
    properties: Readonly<Record<string, string | number | undefined>>,
    message: string,
  ): void {
    this.stream.write(`${workflowCommand(name, properties, message)}\n`);
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

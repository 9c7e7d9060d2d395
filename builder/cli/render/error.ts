import { OtaBuildError } from '../../errors/ota-build-error.ts';
import type { MatrixProblem } from '../../plan/matrix.ts';
import type { Annotation } from '../github/github-log.ts';
import type { Output } from '../output.ts';
import { printable } from './printable.ts';

/** Exit code for what is our own bug (sysexits.h, EX_SOFTWARE). */
const EXIT_INTERNAL = 70;

/** Prints an error for its reader and returns the exit code that it asks for. */
export function renderError(error: unknown, output: Output): number {
  output.github?.unfold();
  if (error instanceof OtaBuildError) {
    renderKnown(error as OtaBuildError, output);
    return error.exit;
  }
  const { message: said, stack } = error instanceof Error ? error : new Error(String(error));
  const message = printableLines(said);
  const text = `internal error: ${message}\nThis is a bug of ota-build, not of your input. Please report it with the output of --verbose.`;
  output.github?.annotate('error', { title: 'INTERNAL', message: text });
  output.alert(
    output.colours.red(
      output.options.verbose === true ? `${text}\n${printableLines(stack ?? '')}` : text,
    ),
  );
  if (output.options.json === true) {
    output.result(
      {
        ok: false,
        error: { name: 'InternalError', code: 'INTERNAL', exit: EXIT_INTERNAL, message },
      },
      () => '',
    );
  }
  return EXIT_INTERNAL;
}

/** A stack begins with the message, in which may be what a file or a server said. */
function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

function renderKnown(error: OtaBuildError, output: Output): void {
  const { colours, options } = output;
  output.alert(`${colours.red('error:')} ${printableLines(error.message)}`);
  if (error.hint !== undefined) output.alert(`${colours.cyan('hint:')} ${printable(error.hint)}`);
  for (const problem of problemsOf(error)) output.github?.annotate('error', problem);
  if (options.verbose === true)
    output.alert(
      colours.dim(`${error.code} (exit ${error.exit})\n${printableLines(error.stack ?? '')}`),
    );
  if (options.json !== true) return;
  const { name, code, exit, message, hint, where, details } = error;
  output.result(
    { ok: false, error: { name, code, exit, message, hint, where, details } },
    () => '',
  );
}

/** An annotation for each thing that is wrong, at its line; most errors are one. */
function problemsOf({ code, message, hint, where, details }: OtaBuildError): Annotation[] {
  const problems = details['problems'] as readonly MatrixProblem[] | undefined;
  const advice = hint === undefined ? '' : `\n${hint}`;
  if (problems === undefined) return [{ title: code, message: `${message}${advice}`, where }];
  return problems.map(({ message: text, hint: own, ...place }) => ({
    title: code,
    message: own === undefined ? text : `${text}\n${own}`,
    where: place,
  }));
}

import { OtaBuildError } from '../../errors/ota-build-error.ts';
import type { Output } from '../output.ts';
import { printable } from './printable.ts';

/** Exit code for what is our own bug (sysexits.h, EX_SOFTWARE). */
const EXIT_INTERNAL = 70;

/** Prints an error for its reader and returns the exit code that it asks for. */
export function renderError(error: unknown, output: Output): number {
  if (error instanceof OtaBuildError) {
    renderKnown(error as OtaBuildError, output);
    return error.exit;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const text = `internal error: ${message}\nThis is a bug of ota-build, not of your input. Please report it with the output of --verbose.`;
  output.alert(
    output.colours.red(output.options.verbose === true ? `${text}\n${stack ?? ''}` : text),
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

function renderKnown(error: OtaBuildError, output: Output): void {
  const { colours, options } = output;
  const lines = error.message.split('\n').map(printable);
  output.alert(`${colours.red('error:')} ${lines.join('\n')}`);
  if (error.hint !== undefined) output.alert(`${colours.cyan('hint:')} ${printable(error.hint)}`);
  if (options.verbose === true)
    output.alert(colours.dim(`${error.code} (exit ${error.exit})\n${error.stack ?? ''}`));
  if (options.json !== true) return;
  const { name, code, exit, message, hint, where, details } = error;
  output.result(
    { ok: false, error: { name, code, exit, message, hint, where, details } },
    () => '',
  );
}

import { Output } from '../../builder/cli/output.ts';

/** An output that is that wide and writes nowhere: for what renderers return. */
export function anOutput({
  width = 100,
  colour = false,
}: { readonly width?: number; readonly colour?: boolean } = {}): Output {
  const stream = { write: () => true, isTTY: colour, columns: width };
  return new Output(
    {
      version: '0.0.0',
      signal: new AbortController().signal,
      directory: '/',
      environment: {},
      stdout: stream,
      stderr: stream,
    },
    {},
  );
}

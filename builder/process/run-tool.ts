import { execa } from 'execa';

export type ToolResult = { readonly ok: boolean; readonly stdout: string; readonly stderr: string };

export type ToolOptions = {
  readonly directory: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
};

/**
 * Runs a program with an argument list (never a shell) and waits for it, at most `timeoutMs`. A program that is not
 * there, fails or takes too long is `ok: false`, not an exception.
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  const result = await execa(program, args, {
    cwd: options.directory,
    timeout: options.timeoutMs,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    reject: false,
    stdin: 'ignore',
    maxBuffer: 1024 * 1024,
  });
  return { ok: !result.failed, stdout: result.stdout, stderr: result.stderr };
}

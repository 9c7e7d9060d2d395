#!/usr/bin/env node
import { InterruptedError } from './errors/families.ts';
import { packageVersion } from './files/package-directory.ts';
import { endAllGroups } from './process/process-groups.ts';

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  // Answered before anything else is loaded: scripts ask for it all the time.
  process.stdout.write(`${packageVersion()}\n`);
} else {
  const controller = new AbortController();
  let askedAt = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A terminal that went away ends us as a polite kill does.
      const reason = new InterruptedError(signal === 'SIGHUP' ? 'SIGTERM' : signal);
      // Who asks again does not want to wait; the compilers end with us all the same. Ctrl-C reaches us twice at once where
      // npx hands on what the terminal has sent us already.
      // eslint-disable-next-line no-restricted-properties -- there is nobody left to hand an exit code to
      if (controller.signal.aborted && Date.now() - askedAt > 1000) process.exit(reason.exit);
      askedAt ||= Date.now();
      controller.abort(reason);
    });
  }
  process.on('exit', endAllGroups);
  // A reader that went away (`| head`) is not an error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // What cannot be said any more must not look like success either.
      if (error.code !== 'EPIPE') process.exitCode = 2;
    });
  }
  const { runCommandLine } = await import('./cli/program.ts');
  process.exitCode = await runCommandLine(args, {
    version: packageVersion(),
    signal: controller.signal,
    directory: process.cwd(),
    environment: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
  });
}

import { randomBytes } from 'node:crypto';
import { FetchError, ToolchainError } from '../errors/families.ts';
import { findProgram } from '../files/find-program.ts';
import { runTool, type ToolResult } from '../process/run-tool.ts';
import { idfTag, parseVersionCmake, type IdfVersion } from './idf-version.ts';
import type { Environment, Invocation, InvocationRequest, Toolchain } from './toolchain.ts';

/** A program that runs containers. Both take the same arguments for all that we do. */
export type ContainerEngine = { readonly name: 'docker' | 'podman'; readonly program: string };

export type ContainerRequest = {
  readonly engine: ContainerEngine;
  /** `espressif/idf:v5.5.1`, with or without `@sha256:…`. */
  readonly image: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly note: (message: string) => void;
};

const QUICK_MS = 60_000;
const PULL_MS = 60 * 60_000;
const DIGEST = /@(sha256:[0-9a-f]{64})$/;

/** The engine that is on PATH: docker first, then podman. */
export async function findContainerEngine(
  environment: Environment,
): Promise<ContainerEngine | undefined> {
  for (const name of ['docker', 'podman'] as const) {
    const program = await findProgram(name, environment);
    if (program !== undefined) return { name, program };
  }
  return undefined;
}

/** True when an image is named by its content, not by a tag that may mean something else tomorrow. */
export function isPinned(image: string): boolean {
  return DIGEST.test(image);
}

/**
 * A container image as a toolchain; pulls it when it is not here. The image is taken by digest from then on, also when
 * it was named by a tag. Throws ToolchainError when the engine does not run or the image is no ESP-IDF, FetchError when
 * it cannot be pulled.
 */
export async function containerToolchain(request: ContainerRequest): Promise<Toolchain> {
  const { engine, image } = request;
  const digest = (await digestOf(request)) ?? (await pull(request));
  const pinned = `${withoutTag(image)}@${digest}`;
  const idf = await readVersion(request, pinned);
  const name = `ota-build-${randomBytes(8).toString('hex')}`;
  return {
    kind: 'container',
    idf,
    title: `ESP-IDF ${idfTag(idf)} in ${engine.name} image ${pinned}`,
    facts: { kind: 'container', image: pinned },
    identify: () => Promise.resolve({ identity: `container ${digest}` }),
    invocation: (asked) => runInContainer(request, pinned, name, asked),
    stop: async () => {
      await runTool(engine.program, ['kill', name], {
        directory: '/',
        timeoutMs: QUICK_MS,
        environment: request.environment,
      });
    },
  };
}

/** The same paths inside as outside, so that messages of the compiler name files that are there. */
function runInContainer(
  { engine, environment }: ContainerRequest,
  image: string,
  name: string,
  asked: InvocationRequest,
): Invocation {
  const mounts = [
    ...asked.reads.map((path) => `${bind(path)},readonly`),
    ...asked.writes.map(bind),
  ];
  const args = [
    'run',
    '--rm',
    '--init',
    '--name',
    name,
    ...userArguments(engine),
    ...mounts.flatMap((mount) => ['--mount', mount]),
    '--workdir',
    asked.directory,
    ...Object.entries({ ...INSIDE, ...asked.environment }).flatMap(([key, value]) => [
      '--env',
      `${key}=${value}`,
    ]),
    image,
    asked.program,
    ...asked.args,
  ];
  return { program: engine.program, args, environment };
}

/** We are nobody in there: without a home, and not the owner of ESP-IDF, which git would refuse to say anything about. */
const INSIDE: Readonly<Record<string, string>> = {
  HOME: '/tmp',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '*',
};

/** A mount's value is a line of CSV: a path with a comma in it has to be quoted. */
function bind(path: string): string {
  const field = (text: string): string =>
    /[,"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return `type=bind,${field(`source=${path}`)},${field(`target=${path}`)}`;
}

/** Files that the build writes belong to whoever called us, not to root. */
function userArguments({ name }: ContainerEngine): string[] {
  if (name === 'podman') return ['--userns=keep-id', '--security-opt', 'label=disable'];
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined || gid === undefined ? [] : ['--user', `${uid}:${gid}`];
}

async function digestOf(request: ContainerRequest): Promise<string | undefined> {
  const { engine, image } = request;
  const { ok, stdout, stderr } = await engineRun(request, [
    'image',
    'inspect',
    '--format',
    '{{range .RepoDigests}}{{println .}}{{end}}',
    image,
  ]);
  if (!ok) {
    const isUnknown = /no such image|image not known/i.test(stderr);
    if (!isUnknown && /daemon|connect|permission denied/i.test(stderr)) {
      throw new ToolchainError(
        'TOOL_FAILED',
        `${engine.name} is installed but does not answer: ${lastLine(stderr)}`,
        { hint: `Start ${engine.name}, or use a local ESP-IDF (IDF_PATH, --toolchain local).` },
      );
    }
    return undefined;
  }
  const wanted = DIGEST.exec(image)?.[1];
  if (wanted !== undefined) return wanted;
  const repository = withoutTag(image);
  const digests = stdout.trim().split('\n');
  const own = digests.find((each) => `/${each.replace(DIGEST, '')}`.endsWith(`/${repository}`));
  return DIGEST.exec(own ?? '')?.[1];
}

/** `espressif/idf` of `espressif/idf:v5.5.1` and of `espressif/idf@sha256:…`. */
function withoutTag(image: string): string {
  return image.replace(DIGEST, '').replace(/:[\w.-]+$/, '');
}

async function pull(request: ContainerRequest): Promise<string> {
  const { engine, image, note } = request;
  note(`pulling ${image} with ${engine.name}; this can take a while`);
  const { ok, stderr } = await engineRun(request, ['pull', '--quiet', image], PULL_MS);
  const digest = ok ? await digestOf(request) : undefined;
  if (digest !== undefined) return digest;
  throw new FetchError(
    'SOURCE_UNREACHABLE',
    ok
      ? `${image} has no digest: it was built here and never pushed`
      : `${image} could not be pulled: ${lastLine(stderr)}`,
    { hint: 'Name an image of a registry by digest (espIdf.container), or use a local ESP-IDF.' },
  );
}

async function readVersion(request: ContainerRequest, image: string): Promise<IdfVersion> {
  const { ok, stdout, stderr } = await engineRun(request, [
    'run',
    '--rm',
    '--entrypoint',
    'sh',
    image,
    '-c',
    'cat "$IDF_PATH/tools/cmake/version.cmake"',
  ]);
  const version = ok ? parseVersionCmake(stdout) : undefined;
  if (version !== undefined) return version;
  throw new ToolchainError(
    'IDF_MISSING',
    `${image} has no ESP-IDF in its IDF_PATH: ${lastLine(stderr) || 'it says no version'}`,
    { hint: 'Use an image of espressif/idf, or one that is made from it.' },
  );
}

async function engineRun(
  { engine, environment, signal }: ContainerRequest,
  args: readonly string[],
  timeoutMs = QUICK_MS,
): Promise<ToolResult> {
  const options = { directory: '/', timeoutMs, environment, signal };
  const result = await runTool(engine.program, args, options);
  if (signal.aborted) throw signal.reason;
  return result;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

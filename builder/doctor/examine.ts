import { OtaBuildError } from '../errors/ota-build-error.ts';
import { micropythonTag, type MicroPythonVersion } from '../micropython/version.ts';
import { recommendedIdf, requireSupportedIdf } from '../toolchain/idf-support.ts';
import { idfTag } from '../toolchain/idf-version.ts';
import { findLocalIdf, type LocalIdf } from '../toolchain/local.ts';
import type { Environment } from '../toolchain/toolchain.ts';
import { findTool, type Tool, type Wanted } from './find-tools.ts';

/** What is there of all that `ota-build` may call. */
export type Examination = {
  /** `v1.28.0`: the MicroPython that ESP-IDF is held against. */
  readonly micropython: string;
  /** The ESP-IDF that it is released with; null when we know of none. */
  readonly recommendedIdf: string | null;
  readonly tools: readonly Tool[];
  /** Ways to compile that would work here. */
  readonly toolchains: readonly ('local' | 'container')[];
  /** What to do when there is none. */
  readonly advice?: string;
};

export type ExamineRequest = {
  readonly micropython: MicroPythonVersion;
  /** False when the sources are here already. */
  readonly needsSources: boolean;
  readonly environment: Environment;
};

const GIT: Wanted = {
  names: ['git'],
  ask: ['--version'],
  neededFor: 'fetching MicroPython, and saying which commit was built',
  optional: false,
  hint: 'Install git with the package manager of this system.',
};

/** What a build by ESP-IDF of this machine needs beside it; a container brings its own. */
const BESIDE_IDF: readonly Wanted[] = [
  {
    names: ['cmake'],
    ask: ['--version'],
    neededFor: 'compiling with a local ESP-IDF',
    optional: false,
    hint: "Install cmake, or run ESP-IDF's install.sh and export.sh.",
  },
  {
    names: ['ninja'],
    ask: ['--version'],
    neededFor: 'compiling with a local ESP-IDF',
    optional: false,
    hint: "Install ninja-build, or run ESP-IDF's install.sh and export.sh.",
  },
  {
    names: ['python3', 'python'],
    ask: ['--version'],
    neededFor: 'compiling with a local ESP-IDF',
    optional: false,
    hint: 'Install Python 3 with the package manager of this system.',
  },
];

const ENGINES: readonly Wanted[] = (['docker', 'podman'] as const).map((name) => ({
  names: [name],
  ask: ['version'],
  neededFor: 'compiling in a container, without a local ESP-IDF',
  optional: true,
  hint: `Install ${name}, and start it.`,
}));

const OPTIONAL: readonly Wanted[] = [
  {
    names: ['ccache'],
    ask: ['--version'],
    neededFor: 'compiling the same files faster a second time',
    optional: true,
    hint: 'Install ccache with the package manager of this system.',
  },
  {
    names: ['esptool', 'esptool.py'],
    ask: ['version'],
    neededFor: 'writing a release to a device by cable',
    optional: true,
    hint: "pip install --upgrade 'esptool>=5'",
    since: { major: 5, because: 'the commands that a build prints are those of esptool 5' },
  },
];

/** Looks at every external program. mpy-cross is not among them: each build makes its own from MicroPython's sources. */
export async function examine(request: ExamineRequest): Promise<Examination> {
  const { micropython, environment, needsSources } = request;
  const { tool: idf, found } = await examineIdf(request);
  const inIdf = found?.environment ?? environment;
  const [git, beside, engines, optional] = await Promise.all([
    findTool({ ...GIT, optional: !needsSources }, environment),
    Promise.all(BESIDE_IDF.map((each) => findTool(each, inIdf))),
    Promise.all(ENGINES.map((each) => findTool(each, environment))),
    Promise.all(OPTIONAL.map((each) => findTool(each, inIdf))),
  ]);
  const works = ({ state }: Tool): boolean => state === 'found';
  const hasSources = !needsSources || works(git);
  const canLocal = hasSources && works(idf) && beside.every(works);
  const canContainer = hasSources && engines.some(works);
  const tools = [git, idf, ...beside, ...engines, ...optional];
  const toolchains = [
    ...(canLocal ? (['local'] as const) : []),
    ...(canContainer ? (['container'] as const) : []),
  ];
  return {
    micropython: micropythonTag(micropython),
    recommendedIdf: recommendedIdf(micropython) ?? null,
    tools: canContainer ? tools.map(optionalWithContainer) : tools,
    toolchains,
    ...(toolchains.length > 0 ? {} : { advice: advise([git, idf, ...beside], request) }),
  };
}

function optionalWithContainer(tool: Tool): Tool {
  return tool.name === 'git' ? tool : { ...tool, optional: true };
}

/** The first thing to do: one that cannot be done without, and whose lack is in the way of all others. */
function advise(tools: readonly Tool[], { micropython }: ExamineRequest): string {
  const lacking = tools.find(({ state, optional }) => state !== 'found' && !optional);
  const idf = recommendedIdf(micropython) ?? 'the ESP-IDF that it needs';
  if (lacking === undefined || lacking.name === 'ESP-IDF')
    return `To compile MicroPython ${micropythonTag(micropython)}, install ESP-IDF ${idf} and run its export.sh, or install docker or podman.`;
  return `To compile, ${lacking.name} is needed: ${lacking.hint ?? ''}`;
}

async function examineIdf({
  micropython,
  environment,
}: ExamineRequest): Promise<{ readonly tool: Tool; readonly found?: LocalIdf }> {
  const recommended = recommendedIdf(micropython);
  const common = {
    name: 'ESP-IDF',
    neededFor: `compiling MicroPython ${micropythonTag(micropython)}`,
    optional: false,
  };
  const get =
    `git clone --recursive --branch ${recommended ?? 'vX.Y.Z'} https://github.com/espressif/esp-idf.git, ` +
    'run its install.sh once, and . ./export.sh in each shell.';
  try {
    const found = await findLocalIdf(environment);
    if (found === undefined) return { tool: { ...common, state: 'missing', hint: get } };
    const tool = { ...common, path: found.path, version: idfTag(found.version) };
    try {
      requireSupportedIdf(found.version, micropython, { pinned: undefined, where: found.path });
    } catch (error) {
      return { tool: { ...tool, ...described(error, get) }, found };
    }
    return { tool: { ...tool, state: 'found' }, found };
  } catch (error) {
    return { tool: { ...common, ...described(error, get) } };
  }
}

function described(error: unknown, get: string): Pick<Tool, 'state' | 'problem' | 'hint'> {
  if (!(error instanceof OtaBuildError)) throw error;
  return { state: 'unusable', problem: error.message, hint: error.hint ?? get };
}

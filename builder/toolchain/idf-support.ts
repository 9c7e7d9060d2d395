import { ToolchainError } from '../errors/families.ts';
import { micropythonTag, type MicroPythonVersion } from '../micropython/version.ts';
import { idfTag, normalIdfTag, type IdfVersion } from './idf-version.ts';

/** ESP-IDF releases that a MicroPython release was made for. */
type Support = { readonly recommended: string; readonly also: readonly string[] };

/**
 * What MicroPython's esp32 port says it builds with, by minor release: ports/esp32/README.md, tools/ci.sh and
 * .github/workflows/ports_esp32.yml of each tag. `recommended` is what its own releases are built with.
 */
const SUPPORT: Readonly<Record<string, Support>> = {
  '1.22': { recommended: 'v5.0.4', also: ['v5.1.2'] },
  '1.23': { recommended: 'v5.0.4', also: ['v5.0.5', 'v5.1.2', 'v5.2'] },
  '1.24': { recommended: 'v5.2.2', also: ['v5.0.4', 'v5.0.5', 'v5.1.2', 'v5.2'] },
  '1.25': { recommended: 'v5.2.2', also: ['v5.2', 'v5.3', 'v5.4'] },
  '1.26': { recommended: 'v5.4.2', also: ['v5.2', 'v5.2.2', 'v5.3', 'v5.4', 'v5.4.1'] },
  '1.27': { recommended: 'v5.5.1', also: ['v5.2', 'v5.2.2', 'v5.3', 'v5.4', 'v5.4.1', 'v5.4.2'] },
  '1.28': { recommended: 'v5.5.1', also: ['v5.3', 'v5.4', 'v5.4.1', 'v5.4.2'] },
};

/** The ESP-IDF release that MicroPython's own releases of this version are built with; undefined when we know of none. */
export function recommendedIdf(micropython: MicroPythonVersion): string | undefined {
  return supportOf(micropython)?.recommended;
}

/** Every ESP-IDF release that this MicroPython is known to build with, the recommended one first. */
export function supportedIdf(micropython: MicroPythonVersion): readonly string[] {
  const support = supportOf(micropython);
  return support === undefined ? [] : [support.recommended, ...support.also];
}

function supportOf({ major, minor }: MicroPythonVersion): Support | undefined {
  return SUPPORT[`${major}.${minor}`];
}

/**
 * Throws ToolchainError, which names the right version, when ESP-IDF is not one that MicroPython builds with. A version
 * that the profile pins (`espIdf.version`) is its author's responsibility, and then nothing else is taken.
 */
export function requireSupportedIdf(
  idf: IdfVersion,
  micropython: MicroPythonVersion,
  { pinned, where }: { readonly pinned: string | undefined; readonly where: string },
): void {
  const found = idfTag(idf);
  if (pinned !== undefined) {
    if (found === normalIdfTag(pinned)) return;
    throw new ToolchainError(
      'IDF_VERSION',
      `${where} is ESP-IDF ${found}, but the profile asks for ${pinned} (espIdf.version)`,
      {
        hint: `Check out ESP-IDF ${pinned}, run its install.sh and export.sh, or change the profile.`,
      },
    );
  }
  const tag = micropythonTag(micropython);
  const supported = supportedIdf(micropython);
  if (supported.includes(found)) return;
  const [recommended] = supported;
  if (recommended === undefined) {
    throw new ToolchainError(
      'IDF_VERSION',
      `which ESP-IDF MicroPython ${tag} builds with is not known to this version of ota-build (it knows v1.22 to v1.28)`,
      {
        hint: `To build it with ${found} all the same, set espIdf.version: ${found} in the board's profile.`,
      },
    );
  }
  throw new ToolchainError(
    'IDF_VERSION',
    `${where} is ESP-IDF ${found}; MicroPython ${tag} is built with ${recommended} (also: ${supported.slice(1).join(', ')})`,
    {
      hint: `Check out ESP-IDF ${recommended} and run its install.sh and export.sh. To take ${found} all the same, set espIdf.version: ${found} in the board's profile.`,
    },
  );
}

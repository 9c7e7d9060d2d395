import { join, resolve } from 'node:path';
import type { ToolchainChoice } from '../toolchain/choose-toolchain.ts';
import type { SignatureScheme } from '../chip/chip.ts';
import type { Where } from '../errors/ota-build-error.ts';
import { ProfileError, SigningError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { loadProfile, type LoadedProfile } from '../profile/load-profile.ts';
import type { Profile } from '../profile/profile.ts';
import {
  checkKeyReference,
  checkSecureVersion,
  checkVariant,
  checkVersion,
} from './check-names.ts';
import { isContinuousIntegration } from './continuous-integration.ts';
import { readLayout } from './read-layout.ts';
import { resolveSource } from './resolve-source.ts';
import { sourceDate } from './source-date.ts';
import type { Sources } from './micropython-source.ts';
import type { FinishedSource, MicroPythonSource, Plan } from './plan.ts';
import { profileRequest } from './profile-request.ts';

/** What planning needs of the world: it may fetch sources or pull a container, and both take a while. */
export type PlanHost = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly note: (message: string) => void;
};

/** What the command line adds to, or says instead of, the profile. */
export type PlanRequest = {
  readonly projectDirectory: string;
  readonly host: PlanHost;
  readonly board: string | undefined;
  readonly variant: string | undefined;
  readonly profile: string | undefined;
  /** What to repackage; undefined compiles MicroPython. */
  readonly firmware: string | undefined;
  /** A MicroPython source tree instead of the version that the profile pins. */
  readonly micropython: string | undefined;
  readonly toolchain: ToolchainChoice;
  readonly layout: string | undefined;
  readonly flashSize: string | undefined;
  readonly appVersion: string | undefined;
  readonly projectName: string | undefined;
  readonly secureVersion: number | undefined;
  readonly sign: boolean;
  /** Makes everything ready to be signed, by somebody else and later. */
  readonly signLater: boolean;
  /** Container image with ESP-IDF, and the release of ESP-IDF, instead of those of the profile. */
  readonly container: string | undefined;
  readonly idfVersion: string | undefined;
  readonly scheme: SignatureScheme | undefined;
  readonly keys: readonly string[];
};

/** A drill that was given no version: it never passes for a release. */
const DRILL_VERSION = '0.0.0-drill';

/** Reads a version out of firmware when neither flags, profile nor git name one. `name` is for its messages. */
export type VersionReader = (firmware: Buffer, name: string) => string | undefined;

/**
 * Resolves profile, flags, git and firmware into a plan. Reads, never writes. Throws ProfileError, LayoutError or
 * UsageError for what cannot become a release.
 */
export async function makePlan(
  request: PlanRequest,
  versionInFirmware: VersionReader,
): Promise<Plan> {
  const variant = checkVariant(request.variant);
  // Before git runs: it inherits no variable that a key reference names as a secret.
  for (const key of request.keys) checkKeyReference(key);
  const { loaded, sources } = await loadBoard(request);
  const { profile, chip } = loaded;
  const signing = signingOf(request, loaded);
  const secureVersion = secureVersionOf(request, loaded);
  const { projectDirectory, firmware: named } = request;
  const firmware =
    named === undefined
      ? undefined
      : await resolveSource({ projectDirectory, firmware: named, chip });
  const version = checkVersion(
    request.appVersion ??
      profile.version ??
      (await versionFromGit(request.projectDirectory)) ??
      (firmware === undefined
        ? sources?.checkout.described.replace(/^v/, '')
        : await versionFromSource(request, firmware, versionInFirmware)) ??
      noVersion(),
    request.appVersion === undefined ? loaded.placeOf(['version']) : undefined,
  );
  const layout = await layoutOf(request, loaded);
  const stem = [profile.board, variant, version].filter((part) => part !== undefined).join('-');
  return deepFreeze({
    schema: 1,
    board: profile.board,
    ...(variant === undefined ? {} : { variant }),
    chip: chip.name,
    version,
    projectName: request.projectName ?? profile.projectName,
    secureVersion,
    createdAt: sourceDate(request.host.environment).toISOString().replace('.000Z', 'Z'),
    source: firmware ?? (await describeBuild(request, loaded, sources, { layout, signing })),
    flash: { size: request.flashSize ?? profile.flash.size },
    partitionTableOffset: profile.partitions.tableOffset,
    layout,
    signing,
    stem,
  });
}

type Loaded = { readonly loaded: LoadedProfile; readonly sources: Sources | undefined };

/** The profile; and for a build from source, which may do without one, where it builds from. */
async function loadBoard(request: PlanRequest): Promise<Loaded> {
  if (request.firmware === undefined) {
    const { loadSourceBoard } = await import('./source-board.ts');
    return loadSourceBoard(request);
  }
  return { loaded: await loadProfile(profileRequest(request)), sources: undefined };
}

async function describeBuild(
  request: PlanRequest,
  { profile, chip }: LoadedProfile,
  sources: Sources | undefined,
  { layout, signing }: Pick<Plan, 'layout' | 'signing'>,
): Promise<MicroPythonSource> {
  if (sources === undefined) throw new Error('a plan without firmware and without sources');
  const { describeSources } = await import('./micropython-source.ts');
  const slots = layout.partitions.filter(({ type, subtype }) => type === 0 && subtype >= 0x10);
  const smallestSlot = Math.min(...slots.map(({ size }) => size));
  return describeSources(request, sources, profile, { chip, signing, smallestSlot });
}

/** The secure_version of flags or profile. Throws ProfileError at the profile's line when the chip cannot count to it. */
export function secureVersionOf(
  request: PlanRequest,
  { profile, chip, placeOf }: LoadedProfile,
): number {
  const { secureVersion } = request;
  return secureVersion === undefined
    ? checkSecureVersion(profile.secureVersion, chip, placeOf(['secureVersion']))
    : checkSecureVersion(secureVersion, chip);
}

/** The layout of flags or profile, placed. Throws LayoutError as `readLayout` does. */
export function layoutOf(
  request: PlanRequest,
  { profile, chip, placeOf }: LoadedProfile,
): Promise<Plan['layout']> {
  return readLayout({
    projectDirectory: request.projectDirectory,
    name: request.layout ?? profile.partitions.layout,
    tableOffset: profile.partitions.tableOffset,
    chip,
    environment: request.host.environment,
    ...(request.layout === undefined ? { where: placeOf(['partitions', 'layout']) } : {}),
  });
}

/** How a release is signed, if at all. Throws SigningError for what the chip could not verify. */
export function signingOf(request: PlanRequest, loaded: LoadedProfile): Plan['signing'] {
  const { profile, chip, file, placeOf } = loaded;
  if (!request.sign && !request.signLater) return null;
  const [chipDefault] = chip.secureBootV2.schemes;
  const scheme = request.scheme ?? profile.signing?.scheme ?? chipDefault;
  if (!chip.secureBootV2.schemes.includes(scheme)) {
    const from = request.scheme === undefined ? `${file}: signing.scheme` : '--scheme';
    throw new SigningError(
      'SCHEME_UNSUPPORTED',
      `${from}: ${chip.title} cannot verify ${scheme}; it takes ${chip.secureBootV2.schemes.join(', ')}`,
      request.scheme === undefined ? at(placeOf(['signing', 'scheme'])) : {},
    );
  }
  const keys = keysOf(request, profile);
  if (keys.length > chip.secureBootV2.keySlots) {
    throw new SigningError(
      'KEY_COUNT',
      `${keys.length} keys were given; ${chip.title} looks at ${chip.secureBootV2.keySlots} signature block(s)`,
      request.keys.length === 0 ? at(placeOf(['signing', 'keys'])) : {},
    );
  }
  return {
    scheme,
    bootloader: profile.signing?.bootloader ?? false,
    keys: keys.map(checkKeyReference),
  };
}

function keysOf(request: PlanRequest, profile: Profile): readonly string[] {
  if (request.signLater) return [];
  return request.keys.length > 0 ? request.keys : (profile.signing?.keys ?? defaultKeys(request));
}

function at(where: Where | undefined): { readonly where?: Where } {
  return where === undefined ? {} : { where };
}

/** On a laptop the development key is made on demand; in CI nobody would notice, so a key must be named. */
function defaultKeys(request: PlanRequest): string[] {
  if (!isContinuousIntegration(request.host.environment)) return ['dev'];
  throw new SigningError('KEY_MISSING', 'signing was asked for in CI, but no key was named', {
    hint: 'Name one with --key FILE or --key env:NAME, or in the profile; --key dev signs with a development key on purpose.',
  });
}

/** What git calls the project's commit. Loaded only when it is asked: starting a process is not what a plan usually needs. */
export async function versionFromGit(projectDirectory: string): Promise<string | undefined> {
  const { gitVersion } = await import('./git-version.ts');
  return gitVersion(projectDirectory);
}

async function versionFromSource(
  { projectDirectory }: PlanRequest,
  source: FinishedSource,
  versionInFirmware: VersionReader,
): Promise<string | undefined> {
  if (source.kind === 'drill') return DRILL_VERSION;
  const file =
    source.kind === 'build-directory'
      ? join(source.directory, source.files.find(({ role }) => role === 'app')?.file ?? '')
      : source.file;
  return versionInFirmware(
    await readInput(resolve(projectDirectory, file), 'a firmware image'),
    file,
  );
}

function noVersion(): never {
  throw new ProfileError(
    'VERSION_INVALID',
    'no version was named, and neither git nor the firmware has one',
    {
      hint: 'Use --app-version, or tag the commit (v1.2.3).',
    },
  );
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  }
  return Object.freeze(value);
}

import { join, resolve } from 'node:path';
import type { Chip, SignatureScheme } from '../chip/chip.ts';
import { ProfileError, SigningError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { loadProfile, type LoadedProfile } from '../profile/load-profile.ts';
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
import type { Plan } from './plan.ts';

/** What the command line adds to, or says instead of, the profile. */
export type PlanRequest = {
  readonly projectDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly board: string | undefined;
  readonly variant: string | undefined;
  readonly profile: string | undefined;
  readonly firmware: string | undefined;
  readonly layout: string | undefined;
  readonly flashSize: string | undefined;
  readonly appVersion: string | undefined;
  readonly projectName: string | undefined;
  readonly secureVersion: number | undefined;
  readonly sign: boolean;
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
  const loaded = await loadProfile({
    projectDirectory: request.projectDirectory,
    board: request.board,
    file:
      request.profile === undefined
        ? undefined
        : resolve(request.projectDirectory, request.profile),
  });
  const { profile, chip, file } = loaded;
  const variant = checkVariant(request.variant);
  const secureVersion = checkSecureVersion(request.secureVersion ?? profile.secureVersion, chip);
  const source = await resolveSource({ ...request, chip });
  const version = checkVersion(
    request.appVersion ??
      profile.version ??
      (await versionFromGit(request.projectDirectory)) ??
      (await versionFromSource(request, source, versionInFirmware)) ??
      noVersion(),
  );
  const layout = await readLayout({
    projectDirectory: request.projectDirectory,
    name: request.layout ?? profile.partitions.layout,
    tableOffset: profile.partitions.tableOffset,
    chip,
    environment: request.environment,
  });
  const stem = [profile.board, variant, version].filter((part) => part !== undefined).join('-');
  return deepFreeze({
    schema: 1,
    board: profile.board,
    ...(variant === undefined ? {} : { variant }),
    chip: chip.name,
    version,
    projectName: request.projectName ?? profile.projectName,
    secureVersion,
    createdAt: sourceDate(request.environment).toISOString().replace('.000Z', 'Z'),
    source,
    flash: { size: request.flashSize ?? profile.flash.size },
    partitionTableOffset: profile.partitions.tableOffset,
    layout,
    signing: request.sign ? signingOf(request, loaded, chip, file) : null,
    stem,
  });
}

function signingOf(
  request: PlanRequest,
  { profile }: LoadedProfile,
  chip: Chip,
  file: string,
): NonNullable<Plan['signing']> {
  const [chipDefault] = chip.secureBootV2.schemes;
  const scheme = request.scheme ?? profile.signing?.scheme ?? chipDefault;
  if (!chip.secureBootV2.schemes.includes(scheme)) {
    const from = request.scheme === undefined ? `${file}: signing.scheme` : '--scheme';
    throw new SigningError(
      'SCHEME_UNSUPPORTED',
      `${from}: ${chip.title} cannot verify ${scheme}; it takes ${chip.secureBootV2.schemes.join(', ')}`,
    );
  }
  const keys =
    request.keys.length > 0 ? [...request.keys] : (profile.signing?.keys ?? defaultKeys(request));
  if (keys.length > chip.secureBootV2.keySlots) {
    throw new SigningError(
      'KEY_COUNT',
      `${keys.length} keys were given; ${chip.title} looks at ${chip.secureBootV2.keySlots} signature block(s)`,
    );
  }
  return {
    scheme,
    bootloader: profile.signing?.bootloader ?? false,
    keys: keys.map(checkKeyReference),
  };
}

/** On a laptop the development key is made on demand; in CI nobody would notice, so a key must be named. */
function defaultKeys(request: PlanRequest): string[] {
  if (!isContinuousIntegration(request.environment)) return ['dev'];
  throw new SigningError('KEY_MISSING', 'signing was asked for in CI, but no key was named', {
    hint: 'Name one with --key FILE or --key env:NAME, or in the profile; --key dev signs with a development key on purpose.',
  });
}

/** Loaded only when it is asked: starting a process is not what a plan usually needs. */
async function versionFromGit(projectDirectory: string): Promise<string | undefined> {
  const { gitVersion } = await import('./git-version.ts');
  return gitVersion(projectDirectory);
}

async function versionFromSource(
  { projectDirectory }: PlanRequest,
  source: Plan['source'],
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

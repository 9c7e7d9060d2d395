import type { Chip } from '../../chip/chip.ts';
import { findChipByName } from '../../chip/registry.ts';
import { VerifyError } from '../../errors/families.ts';
import type { SignatureScheme } from '../../format/signature-scheme.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import { checkBootloaderImage } from '../../verify/bootloader-image.ts';
import { errorsOf } from '../../verify/finding.ts';
import { readRelease } from '../../verify/read-release.ts';
import { checkRelease } from '../../verify/release.ts';
import { describeFindings } from '../../verify/report.ts';
import { signersOf, type CheckedSignature } from '../../verify/signature.ts';

/** Who checks signatures on a device: nobody, the running app when it updates (signed apps), or hardware. */
export const DEVICE_CHECKS = ['none', 'on-update', 'secure-boot'] as const;
export type DeviceChecks = (typeof DEVICE_CHECKS)[number];

/** What a signed release says of the devices that run it. Keys are digests in hex, in the order of their blocks. */
export type FleetRelease = {
  readonly name: string;
  readonly chip: Chip;
  readonly scheme: SignatureScheme;
  readonly appKeys: readonly [string, ...string[]];
  /** Keys of the bootloader, when the release has one that is signed for hardware Secure Boot. */
  readonly bootloaderKeys?: readonly string[];
  /** Unsaid where neither manifest nor bootloader tell. */
  readonly checks?: DeviceChecks;
};

/**
 * Reads a release directory, has it checked as `verify` does, and takes from its images by whom they are signed. `name` is
 * the directory as messages show it. Throws VerifyError when it does not hold or is not signed.
 */
export async function readFleetRelease(directory: string, name: string): Promise<FleetRelease> {
  const release = await readRelease(directory);
  const { checks, manifest, signature } = await checkRelease(release);
  const errors = errorsOf(checks);
  const chip = manifest === undefined ? undefined : findChipByName(manifest.chip);
  if (errors.length > 0 || manifest === undefined || chip === undefined) {
    const message = `${name} does not hold, so it proves nothing about devices:\n${describeFindings(errors)}`;
    throw new VerifyError('VERIFICATION_FAILED', message, { details: { findings: errors } });
  }
  const [first, ...others] = signersForDevices(signature, chip, name);
  if (manifest.signing === null || first === undefined) {
    const message = `${name} is not signed: there is no key to rotate from`;
    throw new VerifyError('VERIFICATION_FAILED', message);
  }
  const bootloaderKeys = signersForDevices(
    bootloaderSignature(manifest, release.files, chip),
    chip,
    `the bootloader of ${name}`,
  );
  const said = checksOf(manifest, bootloaderKeys);
  return {
    name,
    chip,
    scheme: manifest.signing.scheme,
    appKeys: [first, ...others],
    ...(bootloaderKeys.length === 0 ? {} : { bootloaderKeys }),
    ...(said === undefined ? {} : { checks: said }),
  };
}

function bootloaderSignature(
  { artifacts }: Manifest,
  files: ReadonlyMap<string, Buffer>,
  chip: Chip,
): CheckedSignature | undefined {
  const file = artifacts.find(({ role }) => role === 'bootloader')?.file;
  const bytes = file === undefined ? undefined : files.get(file);
  if (file === undefined || bytes === undefined) return undefined;
  return checkBootloaderImage(bytes, { file, chip }).signature;
}

/** Those that devices look at: a block beyond the chip's slots proves nothing, and its digest is never burnt. */
function signersForDevices(
  signature: CheckedSignature | undefined,
  chip: Chip,
  name: string,
): readonly string[] {
  if (signature === undefined) return [];
  const { blocks } = signature;
  const hasGap = blocks.some(({ index }, position) => index !== position);
  if (hasGap || new Set(blocks.map(({ block }) => block.scheme)).size > 1) {
    const problem = hasGap ? 'an empty place in front of a block' : 'blocks of several schemes';
    const message = `${name} has a signature sector with ${problem}: what devices make of it is not known`;
    throw new VerifyError('VERIFICATION_FAILED', message);
  }
  return signersOf(signature, chip);
}

function checksOf(
  { source }: Manifest,
  bootloaderKeys: readonly string[],
): DeviceChecks | undefined {
  if (bootloaderKeys.length > 0) return 'secure-boot';
  return source.kind === 'micropython' ? source.verification : undefined;
}

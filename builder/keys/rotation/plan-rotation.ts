import type { Chip } from '../../chip/chip.ts';
import type { SignatureScheme } from '../../format/signature-scheme.ts';
import type { DeviceChecks, FleetRelease } from './fleet.ts';
import { planForHardware } from './hardware.ts';
import { planForSignedApps } from './signed-apps.ts';

/** A key of the next release: how messages call it, and its digest in hex. */
export type NextKey = {
  readonly name: string;
  readonly digest: string;
  readonly scheme: SignatureScheme;
};

export type RotationRequest = {
  /** Every release that a device may run. */
  readonly releases: readonly [FleetRelease, ...FleetRelease[]];
  /** The keys that the next release is signed by, in their order. */
  readonly next: readonly NextKey[];
  /** The next release itself, when it is made already. */
  readonly to?: FleetRelease;
  readonly checks: DeviceChecks;
  /** Digests (hex) that are in eFuse and not revoked, in the order of their slots. */
  readonly burnt?: readonly string[];
};

export type RotationPlan = {
  /** Why some device could not verify the next release; none when every device can. */
  readonly refusals: readonly string[];
  /** What to do, in order, when nothing is refused. */
  readonly steps: readonly string[];
  /** What would be survived instead, and what the proof rests on. */
  readonly notes: readonly string[];
};

/**
 * Whether every device that runs one of the releases verifies a next one by these keys, and what follows. Changes nothing.
 * Sources: ESP-IDF secure_boot_signatures_app.c (get_secure_boot_key_digests, esp_secure_boot_verify_sbv2_signature_block)
 * and secure_boot_v2/secure_boot.c (first boot).
 */
export function planRotation(request: RotationRequest): RotationPlan {
  const { releases, next, checks } = request;
  const [{ chip }] = releases;
  const refusals = [
    ...checkFleet(request),
    ...checkNext(releases, next, chip),
    ...checkBurnt(request, chip),
  ];
  if (refusals.length > 0) return { refusals, steps: [], notes: [] };
  switch (checks) {
    case 'none':
      return {
        refusals: [],
        steps: [signStep(request)],
        notes: ['No device checks signatures: the keys matter to verify and to the manifest only.'],
      };
    case 'on-update':
      return planForSignedApps(request);
    case 'secure-boot':
      return planForHardware(request);
  }
}

/** The first step of every plan. A release that is made already has its signatures. */
export function signStep({ next, to }: RotationRequest): string {
  if (to !== undefined)
    return `Publish ${to.name}, which is signed by ${next.map(({ digest }) => digest).join(', then ')}`;
  return `Sign the next release in this order: ${next.map(({ name }) => `--key ${name}`).join(' ')}`;
}

function checkFleet({ releases, to, checks }: RotationRequest): string[] {
  const [first] = releases;
  const forOthers =
    to === undefined || to.chip.name === first.chip.name
      ? []
      : [
          `${to.name} is for ${to.chip.title}: no device that runs ${first.name} (${first.chip.title}) starts it`,
        ];
  const refusals = releases.flatMap((release) => [
    ...(release.chip.name === first.chip.name
      ? []
      : [
          `${release.name} is for ${release.chip.title}, ${first.name} for ${first.chip.title}: plan them apart`,
        ]),
    ...(release.checks === undefined || release.checks === checks
      ? []
      : [
          `${release.name} was built for devices that check signatures otherwise (${release.checks}), not ${checks}`,
        ]),
  ]);
  return [...refusals, ...forOthers];
}

function checkNext(
  releases: RotationRequest['releases'],
  next: readonly NextKey[],
  chip: Chip,
): string[] {
  const { keySlots } = chip.secureBootV2;
  const refusals: string[] = [];
  if (next.length === 0) refusals.push('the next release has no key: no device would take it');
  if (next.length > keySlots)
    refusals.push(
      `${chip.title} looks at ${keySlots} signature block(s); ${next.length} keys were given`,
    );
  for (const [index, { name, digest, scheme }] of next.entries()) {
    const twin = next.slice(0, index).find((other) => other.digest === digest);
    if (twin !== undefined) refusals.push(`${twin.name} and ${name} are the same key`);
    const other = releases.find((release) => release.scheme !== scheme);
    if (other !== undefined)
      refusals.push(
        `${name} is a key for ${scheme}; devices that run ${other.name} are built for ${other.scheme} and ignore others`,
      );
  }
  return refusals;
}

/** What cannot be in eFuse proves nothing: a digest too many would be taken for one that devices have. */
function checkBurnt({ burnt = [] }: RotationRequest, chip: Chip): string[] {
  const { keySlots } = chip.secureBootV2;
  const refusals: string[] = [];
  if (burnt.length > keySlots)
    refusals.push(
      `${chip.title} holds ${keySlots} digest(s) in eFuse; ${burnt.length} were named with --burnt`,
    );
  if (new Set(burnt).size < burnt.length) refusals.push('--burnt names a key twice');
  return refusals;
}

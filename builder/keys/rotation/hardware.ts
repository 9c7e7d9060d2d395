import type { FleetRelease } from './fleet.ts';
import { signStep, type RotationPlan, type RotationRequest } from './plan-rotation.ts';

/** Hardware Secure Boot: a device takes what is signed by any key whose digest is in eFuse and not revoked. */
export function planForHardware(request: RotationRequest): RotationPlan {
  const known = burntDigests(request);
  return known === undefined ? planWithoutDigests(request) : planWithDigests(request, known);
}

type Burnt = {
  readonly digests: readonly string[];
  readonly source: string;
  /** The digests are in the order of their slots, on every device. */
  readonly inSlotOrder: boolean;
};

/** What is in eFuse: said, or what the bootloader of the releases had burnt when devices first started. */
function burntDigests({ burnt, releases }: RotationRequest): Burnt | undefined {
  if (burnt !== undefined)
    return { digests: burnt, source: 'as said with --burnt', inSlotOrder: true };
  const bootloaders = releases.flatMap(({ bootloaderKeys }) => bootloaderKeys ?? []);
  if (bootloaders.length === 0 || releases.some((each) => each.bootloaderKeys === undefined))
    return undefined;
  const [{ bootloaderKeys: first = [] }] = releases;
  const digests = first.filter((key) =>
    releases.every((each) => each.bootloaderKeys?.includes(key)),
  );
  return {
    digests,
    inSlotOrder: releases.every((each) => each.bootloaderKeys?.join() === first.join()),
    source:
      'as the first start with the bootloader of these releases burns it; where digests were burnt otherwise, say which with --burnt',
  };
}

/** At least one key of what a device runs is in its eFuse. Which one is not known, so it may be any. */
function planWithoutDigests(request: RotationRequest): RotationPlan {
  const { releases, next } = request;
  const refusals = releases.flatMap(({ name, appKeys }) =>
    appKeys
      .filter((key) => !next.some(({ digest }) => digest === key))
      .map(
        (key) =>
          `devices that run ${name} may have no other digest in eFuse than ${key}, and the next release is not signed by that key`,
      ),
  );
  const notes = [
    'No release here has a signed bootloader, so what is in eFuse is not known; --burnt KEY says it.',
  ];
  if (refusals.length > 0) return { refusals, steps: [], notes };
  return { refusals, steps: [signStep(request), keepStep(releases[0].appKeys)], notes };
}

function planWithDigests(request: RotationRequest, burnt: Burnt): RotationPlan {
  const { releases, next } = request;
  const { digests, source } = burnt;
  const trusts = (key: string): boolean => digests.includes(key);
  const basis = `In eFuse (${source}): ${digests.join(', ') || 'nothing that all of them have'}.`;
  const strangers = releases.filter(({ appKeys }) => !appKeys.some(trusts));
  const refusals = strangers.map(
    ({ name }) =>
      `no key of ${name} is in eFuse: no device can run it, so what is said of eFuse is wrong`,
  );
  if (!next.some(({ digest }) => trusts(digest)))
    refusals.push(
      `no key of the next release is in eFuse (${next.map(({ name }) => name).join(', ')}): no device would start it`,
    );
  if (refusals.length > 0)
    return { refusals, steps: [], notes: [basis, ...wayOut(releases, next, digests)] };
  const unburnt = next.filter(({ digest }) => !trusts(digest));
  const leaving = digests.filter((key) => !next.some(({ digest }) => digest === key));
  return {
    refusals: [],
    steps: [
      signStep(request),
      ...(leaving.length === 0
        ? [keepStep(next.filter(({ digest }) => trusts(digest)).map(({ digest }) => digest))]
        : retireSteps(releases, burnt, leaving)),
    ],
    notes: [
      basis,
      ...unburnt.map(
        ({ name }) =>
          `${name} is not in eFuse: devices pass over its signature, so it can replace no other key. ${SLOTS}`,
      ),
    ],
  };
}

const SLOTS =
  'A digest can be added only where a slot was left open; the first start revokes unused slots.';

function keepStep(keys: readonly string[]): string {
  return `Keep signing every later release with ${keys.join(' or ')}: devices know no other key`;
}

/** What revoking asks for. The boot ROM holds the bootloader to the same digests: it is on devices, and OTA leaves it. */
function retireSteps(
  releases: RotationRequest['releases'],
  { digests, inSlotOrder }: Burnt,
  leaving: readonly string[],
): string[] {
  const { revokeBits } = releases[0].chip.digestEfuses;
  const staying = digests.filter((key) => !leaving.includes(key));
  const stuck = releases.filter(
    ({ bootloaderKeys }) =>
      bootloaderKeys !== undefined && !bootloaderKeys.some((key) => staying.includes(key)),
  );
  const rollOut =
    'Roll it out until every device runs it and has confirmed it; until then nothing is revoked, and going back works';
  if (stuck.length > 0)
    return [
      rollOut,
      `Do not revoke ${leaving.join(', ')}: the bootloader of ${stuck.map(({ name }) => name).join(', ')} is signed by no other key, and a device that revoked it would never start again`,
    ];
  const bits = leaving.map((key) => revokeBits[digests.indexOf(key)] ?? key).join(', ');
  const which = inSlotOrder ? `eFuse ${bits}` : 'in slots that differ from device to device';
  return [
    rollOut,
    `Make sure that the bootloader on every device is signed by ${staying.join(' or ')}, and that neither slot holds an older release`,
    `Only then, if at all, revoke ${leaving.join(', ')} (${which}; IRREVERSIBLE): from a release that runs, with esp_ota_revoke_secure_boot_public_key, or over a cable`,
  ];
}

function wayOut(
  releases: readonly FleetRelease[],
  next: RotationRequest['next'],
  digests: readonly string[],
): string[] {
  const [release] = releases;
  const slots = release?.chip.secureBootV2.keySlots ?? 1;
  if (slots === 1)
    return [
      `${release?.chip.title ?? 'The chip'} has room for one digest: its key stays for life.`,
    ];
  const old = release?.appKeys.find((key) => digests.includes(key));
  if (old === undefined) return [];
  const order = ['--key OLD', ...next.map(({ name }) => `--key ${name}`)].slice(0, slots).join(' ');
  return [
    `Devices would start a release by old and new: ${order} (OLD: the key with digest ${old}). ${SLOTS}`,
  ];
}

import { signStep, type RotationPlan, type RotationRequest } from './plan-rotation.ts';

/**
 * Signed apps without hardware Secure Boot: an app that updates trusts the key of its own first signature block, and looks
 * at the first block of the new image only. The first key can never change: not with any number of releases between.
 */
export function planForSignedApps(request: RotationRequest): RotationPlan {
  const { releases, next } = request;
  const first = next[0];
  const refusals = releases
    .filter(({ appKeys }) => appKeys[0] !== first?.digest)
    .map(
      ({ name, appKeys }) =>
        `devices that run ${name} trust the key of its first signature block only, ${appKeys[0]}, and look at the first block of an update only, which would be by ${first?.name ?? 'nobody'} (${first?.digest ?? ''}): none of them could install it`,
    );
  if (refusals.length > 0) return { refusals, steps: [], notes: wayOut({ releases, next }) };
  const [{ appKeys }] = releases;
  return {
    refusals: [],
    steps: [
      signStep(request),
      `Sign every later release with ${appKeys[0]} first as well: a release without it in front reaches no device`,
    ],
    notes: [
      'Further keys prove a release to verify and to fetching machines; devices without hardware Secure Boot never look at them (ESP-IDF issue 18915).',
      CABLE,
    ],
  };
}

const CABLE =
  'To leave the first key behind, devices have to be flashed over a cable, or to get hardware Secure Boot.';

function wayOut({ releases, next }: Pick<RotationRequest, 'releases' | 'next'>): string[] {
  const trusted = new Set(releases.map(({ appKeys }) => appKeys[0]));
  if (trusted.size > 1)
    return [
      'These releases do not trust the same key, so no one release suits the devices of all of them: make one for each.',
    ];
  const [old = ''] = trusted;
  const known = next.find(({ digest }) => digest === old);
  const others = next.filter(({ digest }) => digest !== old).map(({ name }) => `--key ${name}`);
  const order = [`--key ${known?.name ?? 'OLD'}`, ...others].join(' ');
  return [
    `They would install a release that has that key in front: ${order}${known === undefined ? ` (OLD: the key with digest ${old})` : ''}`,
    CABLE,
  ];
}

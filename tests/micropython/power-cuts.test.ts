import { expect, test } from 'vitest';
import { startPython, VERSIONS } from './interpreter.ts';

/** Of each of the four firmwares below; together more than ten thousand. */
const CUTS = 2600;

const FIRMWARES = VERSIONS.flatMap(({ version, load }, index) => [
  { version, load, extended: false, seed: 2 * index + 1 },
  { version, load, extended: true, seed: 2 * index + 2 },
]);

test.each(FIRMWARES)(
  `${CUTS} power cuts lose no device: MicroPython $version, functions of firmware/ota: $extended`,
  async ({ load, extended, seed }) => {
    const { run } = await startPython({ load, extended });
    run(`import random, power_cuts\nrandom.seed(${seed})`);
    let cuts = 0;
    while (cuts < CUTS) {
      const { traceback, printed } = run(
        `import power_cuts\npower_cuts.live(${CUTS})\nprint(power_cuts.cuts)`,
      );
      expect(traceback, `after ${cuts} cuts, seed ${seed}`).toBe('');
      cuts = Number(printed);
    }
    // The power went where it should, and enough updates came to their end for the next ones to mean something.
    const { printed } = run(
      'import power_cuts\nprint(power_cuts.installed, sorted(power_cuts.seen))',
    );
    const [installed, ...actions] = printed.split(' ');
    expect(Number(installed)).toBeGreaterThan(CUTS / 5);
    expect(actions.join(' ')).toBe("['boot', 'cancel_force', 'confirm', 'force', 'now', 'update']");
  },
  120_000,
);

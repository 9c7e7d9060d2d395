import { describe, expect, test } from 'vitest';
import { startPython, VERSIONS } from './interpreter.ts';

/** Of each of the four devices; together more than ten thousand. */
const CUTS = 2600;

const PARTITIONS = [
  { partition: "MicroPython's own Partition", extended: false, seed: 1 },
  { partition: 'the Partition of firmware/ota', extended: true, seed: 2 },
];

describe.each(VERSIONS)('MicroPython $version', ({ specifier }) => {
  test.each(PARTITIONS)(
    `${CUTS} power cuts with $partition lose no device`,
    async ({ extended, seed }) => {
      const run = await startPython({ specifier, extended });
      run(`import random, power_cuts\nrandom.seed(${seed})`);
      let cuts = 0;
      while (cuts < CUTS) {
        const { traceback, printed } = run(
          `import power_cuts\npower_cuts.live(${CUTS})\nprint(power_cuts.cuts)`,
        );
        expect(traceback, `after ${cuts} cuts, seed ${seed}`).toBe('');
        cuts = Number(printed);
      }
      // The cuts came where they should: in updates, in the bootloader, in confirmations and in going back.
      const { printed } = run(
        'import power_cuts\nprint(power_cuts.installed, sorted(power_cuts.seen.items()))',
      );
      const [installed] = printed.split(' ', 1).map(Number);
      expect(installed).toBeGreaterThan(CUTS / 10);
      for (const action of ['update', 'boot', 'confirm', 'force', 'now', 'cancel_force']) {
        expect(printed).toContain(`'${action}'`);
      }
      console.log(printed);
    },
    120_000,
  );
});

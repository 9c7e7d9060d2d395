/** One of two that are compared, and what each of its rounds took in milliseconds. */
export type Side = { readonly name: string; readonly times: readonly number[] };

/** Prints both medians, and the ratio of each pair of rounds: its median and how far it goes. */
export function compare(ours: Side, other: Side, aim: string): void {
  const ratios = ours.times.map((time, index) => time / (other.times[index] ?? Number.NaN));
  console.log(
    `${ours.name}: ${median(ours.times).toFixed(0)} ms; ${other.name}: ${median(other.times).toFixed(0)} ms; ` +
      `ratio ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}; aim: ${aim})`,
  );
}

/** Milliseconds that an action takes. */
export async function timed(action: () => unknown): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** Groups that every command has. They come last, in this order. */
const COMMON = ['Output:', 'Options:'];

/** Groups of a help page by heading, in order of appearance, but those that every command has last (commander's `groupItems`). */
export function groupItems<T>(
  unsorted: readonly T[],
  visible: readonly T[],
  groupOf: (item: T) => string,
): Map<string, T[]> {
  const headings = [...new Set([...unsorted, ...visible].map(groupOf))];
  const own = headings.filter((heading) => !COMMON.includes(heading));
  const common = COMMON.filter((heading) => headings.includes(heading));
  return new Map(
    [...own, ...common].map((heading) => [
      heading,
      visible.filter((item) => groupOf(item) === heading),
    ]),
  );
}

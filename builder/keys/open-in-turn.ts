import type { Signer } from './signer.ts';

/**
 * Opens keys one after the other, and returns them in the order of their references. A development key comes last: it is
 * made on demand, and nothing of it is to stay when another key cannot be opened. `open` also gets those that are open.
 */
export async function openInTurn(
  references: readonly string[],
  open: (reference: string, opened: readonly Signer[]) => Promise<Signer>,
): Promise<readonly Signer[]> {
  const isMade = (reference: string): number => Number(reference === 'dev');
  const turns = [...references.entries()].sort(([, a], [, b]) => isMade(a) - isMade(b));
  const opened = new Map<number, Signer>();
  for (const [place, reference] of turns)
    opened.set(place, await open(reference, [...opened.values()]));
  return [...opened].sort(([a], [b]) => a - b).map(([, signer]) => signer);
}

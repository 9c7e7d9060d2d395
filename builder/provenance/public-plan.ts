import { createHash } from 'node:crypto';
import { posix, win32 } from 'node:path';
import type { Plan } from '../plan/plan.ts';

/**
 * A plan as strangers may read it: files and directories outside of the project by their last name alone, keys by their
 * kind alone (a reference can hold a PIN, or arguments of a command), the project's sdkconfig lines by their SHA-256.
 */
export function publicPlan(plan: Plan): Readonly<Record<string, unknown>> {
  const { signing, source, ...others } = plan;
  const open = {
    ...others,
    source: source.kind === 'micropython' ? withoutLines(source) : source,
    signing: signing === null ? null : { ...signing, keys: signing.keys.map(kindOfKey) },
  };
  return withoutPlaces(open) as Readonly<Record<string, unknown>>;
}

function withoutLines(source: Extract<Plan['source'], { kind: 'micropython' }>): unknown {
  return {
    ...source,
    sdkconfig: source.sdkconfig.map(({ file, text }) => ({
      file,
      sha256: createHash('sha256').update(text).digest('hex'),
    })),
  };
}

/** `env` of `env:NAME`; what has no kind is a file. */
function kindOfKey(reference: string): string {
  if (reference === 'dev') return 'dev';
  return /^(env|file|command|pkcs11):/.exec(reference)?.[1] ?? 'file';
}

function withoutPlaces(value: unknown): unknown {
  if (typeof value === 'string') return lastName(value);
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutPlaces(inner)]),
  );
}

/** What a path that leads out of the project is called by; anything else stays as it is. */
export function lastName(text: string): string {
  if (posix.isAbsolute(text) || text.startsWith('../')) return posix.basename(text);
  if (/^[A-Za-z]:[\\/]|^\\\\/.test(text)) return win32.basename(text);
  return text;
}

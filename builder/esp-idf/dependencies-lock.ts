import { FormatError } from '../errors/families.ts';
import { parseYamlFile } from '../schema/yaml-file.ts';
import { z } from '../schema/schema.ts';

const text = z.string().max(256);

const schema = z
  .object({
    dependencies: z
      .record(
        text,
        z.object({
          component_hash: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .nullish(),
          version: text,
          source: z.object({ type: text }),
        }),
      )
      .nullish(),
    target: text.optional(),
  })
  .nullable();

/** A component that the IDF component manager brought in: name with namespace, version, and what the manager calls its hash. */
export type ManagedComponent = {
  readonly name: string;
  readonly version: string;
  readonly hash?: string;
};

/** What a dependencies.lock says. */
export type DependenciesLock = {
  readonly target?: string;
  readonly components: readonly ManagedComponent[];
};

/**
 * Reads a dependencies.lock of the IDF component manager: components of its registry and of git, sorted by name; ESP-IDF
 * itself and local directories are none. Throws FormatError, which names `file`. Source: idf-component-manager,
 * lock file format 1.0 and 2.0.
 */
export function parseDependenciesLock(bytes: Buffer, file: string): DependenciesLock {
  const lock = parseYamlFile(
    file,
    bytes.toString('utf8'),
    schema,
    (message, options) => new FormatError('BAD_VALUE', message, options),
  );
  const components = Object.entries(lock?.dependencies ?? {})
    .filter(([, { source }]) => source.type === 'service' || source.type === 'git')
    .map(([name, { version, component_hash: hash }]) => ({
      name,
      version,
      ...(typeof hash === 'string' ? { hash } : {}),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...(lock?.target === undefined ? {} : { target: lock.target }), components };
}

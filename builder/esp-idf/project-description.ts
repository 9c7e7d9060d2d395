import { z } from '../schema/schema.ts';
import { parseJsonFile } from './json-text.ts';

const LONGEST_TEXT = 256;

const text = z.string().max(LONGEST_TEXT);

const schema = z.object({
  project_name: text,
  project_version: text.optional(),
  target: text,
  app_elf: text,
  git_revision: text.optional(),
  build_components: z.array(text).optional(),
});

/** What an ESP-IDF build says of its project. */
export type ProjectDescription = {
  readonly projectName: string;
  /** Since ESP-IDF v5.1. */
  readonly projectVersion?: string;
  /** `esp32c3` */
  readonly target: string;
  /** A path below the build directory, as yet unchecked. */
  readonly elf: string;
  /** `v5.5.1`, or what `git describe` said of ESP-IDF. */
  readonly idfVersion?: string;
  /** Components that were built, `espressif__mdns` for one of the component registry. */
  readonly components?: readonly string[];
};

/**
 * Reads project_description.json of an ESP-IDF build directory: the few fields that a release has use for. Paths of the
 * machine that built, of which there are many in it, are left alone. Throws FormatError, which names `file`.
 * Source: ESP-IDF v5.0 to v6.0, tools/cmake/project_description.json.in.
 */
export function parseProjectDescription(bytes: Buffer, file: string): ProjectDescription {
  const project = parseJsonFile(bytes, schema, file);
  const { project_version: version = '', git_revision: revision = '' } = project;
  return {
    projectName: project.project_name,
    ...(version === '' ? {} : { projectVersion: version }),
    target: project.target,
    elf: project.app_elf,
    ...(revision === '' ? {} : { idfVersion: revision }),
    ...(project.build_components === undefined ? {} : { components: project.build_components }),
  };
}

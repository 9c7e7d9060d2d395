import { FormatError } from '../errors/families.ts';
import { z } from '../schema/schema.ts';
import { parseJsonFile } from './json-text.ts';

/** true for `y`; what is not set is not there, or false. */
export type ConfigValue = boolean | number | string;

/** A build's configuration by name, without `CONFIG_`. */
export type Sdkconfig = ReadonlyMap<string, ConfigValue>;

const LINE = /^CONFIG_([A-Za-z0-9_]+)=(.*)$/;
const NUMBER = /^(0[xX][0-9a-fA-F]+|-?\d+)$/;

/**
 * Reads an sdkconfig file: `CONFIG_X=y`, numbers in decimal or hex, texts in quotes, comments. Where a name comes twice
 * the last one counts. Throws FormatError, which names `file` and the line, for anything else.
 * Source: Linux Kconfig, "Configuration file"; ESP-IDF, "Project Configuration".
 */
export function parseSdkconfig(bytes: Buffer, file: string): Sdkconfig {
  const values = new Map<string, ConfigValue>();
  for (const [index, line] of bytes.toString('utf8').split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, name, value] = LINE.exec(trimmed) ?? [];
    if (name === undefined || value === undefined) {
      throw new FormatError(
        'BAD_VALUE',
        `${file}:${index + 1}: expected CONFIG_NAME=value or a comment; is this an sdkconfig file?`,
        { where: { file, line: index + 1 } },
      );
    }
    values.set(name, parseValue(value));
  }
  return values;
}

const jsonSchema = z.record(z.string(), z.unknown());

/**
 * Reads config/sdkconfig.json of a build directory: what the build was configured with, whatever the sdkconfig file says
 * now. Throws FormatError, which names `file`. Source: ESP-IDF, kconfgen (write_json).
 */
export function parseSdkconfigJson(bytes: Buffer, file: string): Sdkconfig {
  const values = new Map<string, ConfigValue>();
  for (const [name, value] of Object.entries(parseJsonFile(bytes, jsonSchema, file))) {
    if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
      values.set(name, value);
  }
  return values;
}

function parseValue(value: string): ConfigValue {
  if (value === 'y') return true;
  if (value === 'n') return false;
  if (NUMBER.test(value)) return Number(value);
  const quoted = /^"(.*)"$/.exec(value)?.[1];
  return quoted === undefined ? value : quoted.replace(/\\(.)/g, '$1');
}

/** Names of settings whose value looks like a secret and is not empty, with `CONFIG_`, sorted. Never their values. */
export function secretsIn(config: Sdkconfig): readonly string[] {
  return [...config]
    .filter(
      ([name, value]) =>
        typeof value === 'string' &&
        value !== '' &&
        /(^|_)(PASSWORD|PASSWD|PASSPHRASE|PSK|SECRET|TOKEN|API_?KEY)$/.test(name),
    )
    .map(([name]) => `CONFIG_${name}`)
    .sort();
}

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, configure, type Environment } from './native-tools.ts';
import type { ToolResult } from './oracle.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** The OTA module, and the headers that its C code is compiled with on the host. */
export const OTA_MODULE = join(ROOT, 'firmware', 'ota');
export const STUBS = join(ROOT, 'tests', 'cmake', 'stubs');
export const HOST_TESTS = join(ROOT, 'tests', 'cmake', 'host');
export const SDKCONFIG_FRAGMENTS = join(ROOT, 'firmware', 'sdkconfig');

/** A copy of the stand-in for MicroPython's port and ESP-IDF (tests/cmake/stand-in), which a test may change. */
export class StandIn {
  readonly port: string;
  readonly partitionSource: string;
  readonly extraModule: string;
  readonly buildDirectory: string;
  private readonly environment: Environment;

  private constructor(root: string) {
    this.environment = { IDF_PATH: join(root, 'esp-idf'), STAND_IN_STUBS: STUBS };
    this.port = join(root, 'micropython', 'ports', 'esp32');
    this.partitionSource = join(this.port, 'esp32_partition.c');
    this.extraModule = join(root, 'micropython', 'extra-module');
    this.buildDirectory = join(root, 'build');
  }

  static async in(directory: string): Promise<StandIn> {
    await cp(join(ROOT, 'tests', 'cmake', 'stand-in'), directory, { recursive: true });
    return new StandIn(directory);
  }

  /** Configures it with the OTA module, unless the variables say otherwise. */
  configure(cache: Readonly<Record<string, string>> = {}): Promise<ToolResult> {
    const definitions =
      '-DSTUB_IDF_MAJOR=5 -DSTUB_IDF_MINOR=5 -DSTUB_IDF_PATCH=1 -DSTUB_MICROPYTHON_MINOR=28';
    return configure(this.port, this.buildDirectory, {
      cache: {
        USER_C_MODULES: join(OTA_MODULE, 'micropython.cmake'),
        CMAKE_C_FLAGS: definitions,
        ...cache,
      },
      environment: this.environment,
    });
  }

  build(): Promise<ToolResult> {
    return build(this.buildDirectory, this.environment);
  }

  /** Changes the text of the port's esp32_partition.c. */
  async changePartitionSource(change: (text: string) => string): Promise<void> {
    await writeFile(this.partitionSource, change(await readFile(this.partitionSource, 'utf8')));
  }

  get copy(): string {
    return join(this.buildDirectory, 'esp-idf', 'main', 'ota-module', 'esp32_partition.c');
  }

  readBuilt(file: string): Promise<string> {
    return readFile(join(this.buildDirectory, file), 'utf8');
  }

  /** The files that get compiled. */
  async compiled(): Promise<readonly string[]> {
    const commands = JSON.parse(await this.readBuilt('compile_commands.json')) as {
      readonly file: string;
    }[];
    return commands.map(({ file }) => file);
  }
}

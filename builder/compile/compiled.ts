import type { Chip } from '../chip/chip.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Warning } from '../pipeline/context.ts';
import type { Plan } from '../plan/plan.ts';
import type { BuildInventory } from './build-inventory.ts';
import type { MicroPythonBanner, RollbackSupport } from './micropython-banner.ts';

/** Where an app came from, as the manifest tells it. */
export type SourceFacts = PrebuiltFacts | DrillFacts | MicroPythonFacts;

/** The built-in rollback drill, made of an ELF file of ours. */
export type DrillFacts = { readonly kind: 'drill'; readonly file: string; readonly sha256: string };

/** A finished image that was repackaged. */
export type PrebuiltFacts = {
  readonly kind: 'prebuilt';
  readonly file: string;
  readonly sha256: string;
  /** `build-directory`: `file` is the app of a finished ESP-IDF build. */
  readonly container: 'app' | 'bootloader-first' | 'merged' | 'build-directory';
  /** The partition that the app was taken from. */
  readonly partition?: string;
  readonly micropython?: MicroPythonBanner;
  /** ESP-IDF that the app was built with, from its description. */
  readonly idfVersion: string;
  /** What a build directory says of its project. */
  readonly project?: BuiltProject;
  /** Present when the firmware brought a bootloader. */
  readonly bootloaderRollback?: RollbackSupport;
};

/** The project of an ESP-IDF build, as project_description.json has it. */
export type BuiltProject = { readonly name: string; readonly version?: string };

/** MicroPython, compiled from source with the OTA module. */
export type MicroPythonFacts = {
  readonly kind: 'micropython';
  readonly version: string;
  readonly commit?: string;
  readonly dirty: boolean;
  readonly board: string;
  readonly idfVersion: string;
  /** Image with digest, when the toolchain was one. */
  readonly container?: string;
  readonly otaExtended: boolean;
  /** Who checks signatures on the device. */
  readonly verification: 'none' | 'on-update' | 'secure-boot';
  readonly bootloaderRollback: RollbackSupport;
};

/** A file of a build that a release carries beside the firmware, too large to be held: pinned, and read when it is written. */
export type SourceFile = {
  readonly role: 'sdkconfig' | 'elf' | 'map';
  readonly path: string;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
};

/** A bootloader with the flash offset it belongs at. */
export type Bootloader = {
  readonly offset: number;
  readonly bytes: Buffer;
  readonly signed: boolean;
};

/** Firmware as it came from the compiler or a release file: checked, but nothing of ours in it yet. */
export type Compiled = {
  readonly plan: Plan;
  readonly chip: Chip;
  /** The app image alone: no signature, no padding. */
  readonly app: Buffer;
  /** Missing when the firmware was an app alone. */
  readonly bootloader?: Bootloader;
  readonly source: SourceFacts;
  /** Only builds have them. */
  readonly sourceFiles?: readonly SourceFile[];
  /** Only builds from source have one. */
  readonly inventory?: BuildInventory;
  /** The bill of materials of a release that this one is made of. */
  readonly bill?: Buffer;
  /** What the release says that this one is made of: but for signatures, the new one has to be the same. */
  readonly original?: Manifest;
};

/** What a source of firmware gives, with what its user has to be told. */
export type FirmwareParts = Pick<
  Compiled,
  'app' | 'bootloader' | 'source' | 'sourceFiles' | 'inventory' | 'bill' | 'original'
> & {
  readonly notes: readonly string[];
  readonly warnings: readonly Warning[];
};

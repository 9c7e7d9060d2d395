import type { FlashRegion } from '../partition/flash-map.ts';
import type { AppReport } from './app.ts';
import type { BuildDirectoryReport } from './build-directory.ts';
import type { BootloaderReport } from './bootloader.ts';
import type { FlashImageReport } from './flash-image.ts';
import type { OtadataReport } from './otadata.ts';
import type { TableReport } from './partition-table.ts';
import type { ReleaseReport } from './release.ts';
import type { SignatureSectorReport } from './signature-sector.ts';

/** The path as its user wrote it, and how many bytes the file has. */
type File = { readonly name: string; readonly size: number };

export type AppInspection = File & { readonly kind: 'app-image' } & AppReport;
export type BootloaderInspection = File & { readonly kind: 'bootloader-image' } & BootloaderReport;
export type FlashImageInspection = File & { readonly kind: 'flash-image' } & FlashImageReport;
export type TableInspection = File & {
  readonly kind: 'partition-table';
  /** `offset` in it is assumed: a table does not say where it belongs. */
  readonly table: TableReport;
  readonly flashMap: readonly FlashRegion[];
};
export type OtadataInspection = File & { readonly kind: 'otadata' } & OtadataReport;
export type SignatureSectorInspection = File & {
  readonly kind: 'signature-sector';
} & SignatureSectorReport;
export type BuildInspection = {
  readonly kind: 'build-directory';
  readonly name: string;
} & BuildDirectoryReport;
export type ReleaseInspection = { readonly kind: 'release'; readonly name: string } & ReleaseReport;

/**
 * What a file, a release directory or a build directory is and holds; damage is told, not judged. Plain data: offsets, sizes and addresses
 * are numbers, digests are in hex.
 */
export type Inspection =
  | AppInspection
  | BootloaderInspection
  | FlashImageInspection
  | TableInspection
  | OtadataInspection
  | SignatureSectorInspection
  | BuildInspection
  | ReleaseInspection;

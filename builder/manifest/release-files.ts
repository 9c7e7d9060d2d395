/** Files of a release directory that are always named alike. */
export const MANIFEST = 'manifest.json';
export const MANIFEST_SIGNATURE = 'manifest.json.sig';
export const CHECKSUMS = 'SHA256SUMS';
export const BOOTLOADER = 'bootloader.bin';
export const PARTITION_TABLE = 'partition-table.bin';
export const OTADATA = 'otadata.bin';
export const PARTITIONS_CSV = 'partitions.csv';
export const FLASHER_ARGS = 'flasher_args.json';
export const FLASH_ARGS = 'flash_args';
export const SDKCONFIG = 'sdkconfig';

/** Files that are named after the release: `stem` is `<BOARD>[-<VARIANT>]-<version>`. */
export function stemFiles(stem: string): {
  readonly firmware: string;
  readonly app: string;
  readonly elf: string;
  readonly map: string;
  readonly zip: string;
  readonly sbom: string;
} {
  return {
    firmware: `${stem}.bin`,
    app: `${stem}.app-bin`,
    elf: `${stem}.elf`,
    map: `${stem}.map`,
    zip: `${stem}.zip`,
    sbom: `${stem}.cdx.json`,
  };
}

/** What a file that a build left beside its firmware is called in a release. */
export function sourceFileName(role: 'sdkconfig' | 'elf' | 'map', stem: string): string {
  return role === 'sdkconfig' ? SDKCONFIG : stemFiles(stem)[role];
}

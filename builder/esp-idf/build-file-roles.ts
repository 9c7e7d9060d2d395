/** What a file of a build directory is for. */
export const BUILD_FILE_ROLES = [
  'flasher-args',
  'project-description',
  'sdkconfig',
  'sdkconfig-json',
  'app',
  'bootloader',
  'partition-table',
  'elf',
  'map',
] as const;
export type BuildFileRole = (typeof BUILD_FILE_ROLES)[number];

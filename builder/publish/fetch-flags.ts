import type { Manifest } from '../manifest/manifest.ts';

/** The flags without which `ota-build fetch` refuses a release that was published on purpose, as messages and pages write them. */
export function fetchFlags({ source, signing }: Manifest): string {
  const isDevelopment = signing?.keys.some(({ development }) => development === true) === true;
  return [
    ...(signing === null ? [' --allow-unsigned'] : []),
    ...(source.kind === 'drill' ? [' --drill'] : []),
    ...(isDevelopment ? [' --allow-development'] : []),
  ].join('');
}

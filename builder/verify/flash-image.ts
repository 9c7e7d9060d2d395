import { hex } from '../errors/hex.ts';
import type { Artifact, Manifest } from '../manifest/manifest.ts';
import { errorFinding, type Finding } from './finding.ts';

/**
 * Checks that the full-flash image is its parts and nothing else: every part at its offset, 0xFF between them, and the
 * first byte where the manifest says.
 */
export function checkFlashImage(
  manifest: Manifest,
  files: ReadonlyMap<string, Buffer>,
): readonly Finding[] {
  const firmware = manifest.artifacts.find(({ role }) => role === 'firmware');
  const image = firmware === undefined ? undefined : files.get(firmware.file);
  if (firmware === undefined || image === undefined) return [];
  if (firmware.offset === undefined) {
    return [
      errorFinding('MANIFEST_MISMATCH', 'is listed without the flash offset it belongs at', {
        file: firmware.file,
      }),
    ];
  }
  const start = firmware.offset;
  const place = { file: firmware.file };
  const parts = manifest.artifacts.filter(
    ({ role, offset }) => role !== 'firmware' && offset !== undefined,
  );
  const findings: Finding[] = [];
  let position = 0;
  for (const part of parts.sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0))) {
    const contents = files.get(part.file);
    const at = (part.offset ?? 0) - start;
    if (contents === undefined) continue;
    findings.push(
      ...checkGap(image, position, at, place.file),
      ...checkPart(image, at, { contents, part, file: place.file }),
    );
    position = at + contents.length;
  }
  if (position !== image.length) {
    const message = `has ${hex(image.length)} bytes; its parts end at ${hex(position)}`;
    findings.push(
      errorFinding('FLASH_IMAGE_MISMATCH', message, {
        ...place,
        offset: Math.min(position, image.length),
      }),
    );
  }
  return findings;
}

function checkGap(image: Buffer, from: number, to: number, file: string): Finding[] {
  const dirty = image.subarray(from, Math.max(from, to)).findIndex((byte) => byte !== 0xff);
  if (to < from)
    return [
      errorFinding('FLASH_IMAGE_MISMATCH', `parts overlap at ${hex(to)}`, { file, offset: to }),
    ];
  if (dirty === -1) return [];
  const offset = from + dirty;
  return [
    errorFinding('FLASH_IMAGE_MISMATCH', `has data at ${hex(offset)}, between its parts`, {
      file,
      offset,
    }),
  ];
}

function checkPart(
  image: Buffer,
  at: number,
  {
    contents,
    part,
    file,
  }: { readonly contents: Buffer; readonly part: Artifact; readonly file: string },
): Finding[] {
  if (at >= 0 && image.subarray(at, at + contents.length).equals(contents)) return [];
  return [
    errorFinding('FLASH_IMAGE_MISMATCH', `does not hold ${part.file} at ${hex(Math.max(at, 0))}`, {
      file,
      offset: Math.max(at, 0),
    }),
  ];
}

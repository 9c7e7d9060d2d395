import type { Chip } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { FormatError } from '../errors/families.ts';
import { readBuildSettings } from '../esp-idf/build-settings.ts';
import { parseSdkconfig } from '../esp-idf/sdkconfig.ts';
import type { AppDescription } from '../format/app-desc.ts';
import { parseElf } from '../format/elf.ts';
import type { ArtifactRole, Manifest } from '../manifest/manifest.ts';
import { errorFinding, type Check, type Finding } from './finding.ts';

/** The files of a release by name, with their SHA-256 in hex, and the description of its app where that can be read. */
export type SourceFilesContext = {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly digests: ReadonlyMap<string, string>;
  readonly description: AppDescription | undefined;
};

type SourceFile = { readonly file: string; readonly bytes: Buffer };

/** Bytes of a map that are looked at: linkers begin it with text, and any binary file has a NUL early on. */
const MAP_HEAD = 64 * 1024;

/**
 * Checks what a build left beside the firmware: that the ELF file is the one that the app names, that the sdkconfig speaks
 * of the same chip, rollback and signatures, that the map is text. An app that was stamped differs from what the ELF file
 * holds in its description; the SHA-256 in it names the ELF file all the same, and is all that ties the two together.
 * Source: esptool, elf2image --elf-sha256-offset (SHA-256 of the whole ELF file, at 0xb0 of the app).
 */
export function checkSourceFiles(manifest: Manifest, context: SourceFilesContext): Check {
  const find = (role: ArtifactRole): SourceFile | undefined => {
    const file = manifest.artifacts.find((artifact) => artifact.role === role)?.file ?? '';
    const bytes = context.files.get(file);
    return bytes === undefined ? undefined : { file, bytes };
  };
  const chip = findChipByName(manifest.chip);
  const [sdkconfig, elf, map] = [find('sdkconfig'), find('elf'), find('map')];
  const findings: Finding[] = [];
  if (sdkconfig !== undefined) findings.push(...checkSdkconfig(sdkconfig, manifest));
  if (elf !== undefined) findings.push(...checkElf(elf, context, chip));
  if (map !== undefined) {
    const place = { file: map.file };
    if (elf === undefined) findings.push(mismatch('is there without the ELF file it is of', place));
    if (map.bytes.length === 0 || map.bytes.subarray(0, MAP_HEAD).includes(0))
      findings.push(mismatch('is not the text that a linker writes', place));
  }
  const isThere = [sdkconfig, elf, map].some((file) => file !== undefined);
  const title = 'files of the build (ELF, map, sdkconfig)';
  return isThere ? { title, findings } : { title, findings, absent: 'none in this release' };
}

function checkElf(
  { file, bytes }: SourceFile,
  { digests, description }: SourceFilesContext,
  chip: Chip | undefined,
): Finding[] {
  const findings: Finding[] = [];
  const named = description?.elfSha256.toString('hex');
  if (named !== undefined && named !== digests.get(file)) {
    const message = `is not the program that the app was made of: the app names ${named}`;
    findings.push(mismatch(message, { file }));
  }
  const machine = machineOf(bytes, file);
  if (typeof machine !== 'string') return [...findings, machine];
  if (chip !== undefined && machine !== chip.machine) {
    const message = `is for ${machine} processors; ${chip.title} has ${chip.machine}`;
    findings.push(mismatch(message, { file }));
  }
  return findings;
}

function machineOf(bytes: Buffer, file: string): Chip['machine'] | Finding {
  try {
    return parseElf(bytes).machine;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return mismatch(`cannot be read as an ELF file: ${error.message}`, {
      file,
      ...(error.where?.offset === undefined ? {} : { offset: error.where.offset }),
    });
  }
}

function checkSdkconfig({ file, bytes }: SourceFile, manifest: Manifest): Finding[] {
  try {
    const { target, rollback, signatures } = readBuildSettings(parseSdkconfig(bytes, file));
    const findings: Finding[] = [];
    if (target !== manifest.chip)
      findings.push(
        mismatch(`is for '${target ?? 'no chip'}', not for ${manifest.chip}`, { file }),
      );
    const claimed =
      manifest.source.kind === 'drill' ? undefined : manifest.source.bootloaderRollback;
    if (claimed !== undefined && claimed !== (rollback ? 'enabled' : 'disabled')) {
      const message = `has rollback ${rollback ? 'on' : 'off'}; the manifest says ${claimed}`;
      findings.push(mismatch(message, { file }));
    }
    const scheme = schemeOf(manifest);
    if (signatures !== null && signatures !== scheme) {
      const message = `makes the firmware ask for signatures of ${signatures}; the release has ${scheme ?? 'none'}`;
      findings.push(mismatch(message, { file }));
    }
    return findings;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return [mismatch(`cannot be read: ${error.message}`, { file })];
  }
}

/** Of the signatures that are there, or that the release is ready for. */
function schemeOf({ signing, awaitsSignature }: Manifest): string | undefined {
  return (signing ?? awaitsSignature)?.scheme;
}

function mismatch(message: string, place: Pick<Finding, 'file' | 'offset'>): Finding {
  return errorFinding('SOURCE_FILE_MISMATCH', message, place);
}

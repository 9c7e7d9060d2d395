import { flashSizeByCode } from '../chip/flash-settings.ts';
import { mmuPageSize } from '../chip/mmu-page.ts';
import { findMicroPythonBanner, type MicroPythonBanner } from '../compile/micropython-banner.ts';
import {
  APP_DESC_OFFSET,
  APP_DESC_SIZE,
  parseAppDescription,
  type AppDescription,
} from '../format/app-desc.ts';
import { describeImage, problemOf, type ImageReport, type ReadImage } from './image.ts';
import { formatRevision, formatRevisionLimit } from './revision.ts';

/** Flash has no larger pages than itself. */
const LARGEST_LOG2 = 31;

/** esp_app_desc_t; texts may be empty, as MicroPython's releases have them. */
export type DescriptionReport = {
  readonly version: string;
  readonly projectName: string;
  readonly date: string;
  readonly time: string;
  readonly idfVersion: string;
  readonly secureVersion: number;
  /** In hex. */
  readonly elfSha256: string;
  /** `v0.0` where any will do. */
  readonly minEfuseBlockRevision: string;
  /** null where none is set. */
  readonly maxEfuseBlockRevision: string | null;
  /** Bytes; null where the builder was older than the field, or wrote what no page can be. */
  readonly mmuPageSize: number | null;
};

/** An app image: what every image has, and what only apps have. */
export type AppReport = {
  readonly image: ImageReport;
  /** null when there is none that could be read: `descriptionProblem` says why. */
  readonly description: DescriptionReport | null;
  readonly descriptionProblem?: string;
  /** What the app's banner says; null for an app that has none. */
  readonly micropython: MicroPythonBanner | null;
  /**
   * Whether the image ends on an MMU page, so that a signature covers all that can be executed; null when it cannot be
   * told.
   */
  readonly securePadded: boolean | null;
};

/** Explains the app at the start of `bytes`, however damaged. Total. */
export function describeApp(bytes: Buffer): AppReport {
  const read = describeImage(bytes);
  const { report } = read;
  const end = report.kind === 'whole' ? report.length : bytes.length;
  const { description, problem } = readDescription(bytes);
  return {
    image: report,
    description: description === undefined ? null : describeDescription(description),
    ...(problem === undefined ? {} : { descriptionProblem: problem }),
    micropython: findMicroPythonBanner(bytes.subarray(0, end)) ?? null,
    securePadded: isSecurePadded(read, description?.mmuPageSizeLog2 ?? 0),
  };
}

function readDescription(bytes: Buffer): {
  readonly description?: AppDescription;
  readonly problem?: string;
} {
  try {
    const area = bytes.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE);
    return { description: parseAppDescription(area, APP_DESC_OFFSET) };
  } catch (error) {
    return { problem: problemOf(error).problem };
  }
}

function describeDescription(description: AppDescription): DescriptionReport {
  const { version, projectName, date, time, idfVersion, secureVersion } = description;
  const log2 = description.mmuPageSizeLog2;
  return {
    version,
    projectName,
    date,
    time,
    idfVersion,
    secureVersion,
    elfSha256: description.elfSha256.toString('hex'),
    minEfuseBlockRevision: formatRevision(description.minEfuseBlockRevisionFull),
    maxEfuseBlockRevision: formatRevisionLimit(description.maxEfuseBlockRevisionFull),
    mmuPageSize: log2 === 0 || log2 > LARGEST_LOG2 ? null : 2 ** log2,
  };
}

function isSecurePadded(
  { report, chip, header }: ReadImage,
  mmuPageSizeLog2: number,
): boolean | null {
  if (report.kind !== 'whole' || chip === undefined || header === undefined) return null;
  const flashSize = flashSizeByCode(header.flashSizeCode)?.bytes ?? 0;
  return report.length % mmuPageSize(chip, mmuPageSizeLog2, flashSize) === 0;
}

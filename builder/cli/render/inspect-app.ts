import { DRILL_IDF_VERSION } from '../../format/app-desc.ts';
import type { AppReport, DescriptionReport } from '../../inspect/app.ts';
import type { BootloaderReport } from '../../inspect/bootloader.ts';
import type { Output } from '../output.ts';
import { renderFacts, revisionRange, shown, type Fact } from './inspect-facts.ts';
import { imageFacts, renderSegments } from './inspect-image.ts';
import { formatSize } from './size.ts';

/** Everything about an app: what it is, then its image, then the segments. */
export function renderApp(app: AppReport, output: Output): readonly string[] {
  return [
    renderFacts(
      [...identityFacts(app), ...imageFacts(app.image, output), ...paddingFacts(app)],
      output,
    ),
    renderSegments(app.image, output),
  ];
}

/** What an app says of itself, without its image. */
export function identityFacts({
  micropython,
  description,
  descriptionProblem,
}: AppReport): readonly Fact[] {
  return [
    [
      'MicroPython',
      micropython === null ? 'no banner of it found' : describeMicroPython(micropython),
    ],
    ...(description === null
      ? [['description', descriptionProblem ?? 'none'] as Fact]
      : descriptionFacts(description)),
  ];
}

function describeMicroPython({
  version,
  date,
  board,
  mcu,
}: NonNullable<AppReport['micropython']>): string {
  const when = date === undefined ? '' : ` of ${date}`;
  const where = board === undefined ? '' : ` for '${shown(board)}' with ${shown(mcu ?? '')}`;
  return `${shown(version)}${when}${where}`;
}

function descriptionFacts(description: DescriptionReport): Fact[] {
  const { version, projectName, date, time } = description;
  const compiled = [date, time].filter((part) => part !== '').join(', ');
  return [
    ['version', shown(version)],
    ['project', shown(projectName)],
    ['compiled', shown(compiled)],
    description.idfVersion === DRILL_IDF_VERSION
      ? ['what', 'the rollback drill of ota-build: meant to fail on the device']
      : ['ESP-IDF', shown(description.idfVersion)],
    ['anti-rollback', `secure_version ${description.secureVersion}`],
    ['ELF SHA-256', /^0+$/.test(description.elfSha256) ? '(empty)' : description.elfSha256],
    [
      'eFuse blocks',
      revisionRange(description.minEfuseBlockRevision, description.maxEfuseBlockRevision),
    ],
    [
      'MMU page',
      description.mmuPageSize === null ? '(not said)' : formatSize(description.mmuPageSize),
    ],
  ];
}

/** Whether what follows a signed app in its last MMU page could be executed. */
function paddingFacts({ image, securePadded }: AppReport): Fact[] {
  if (image.kind !== 'whole' || image.signature === null || securePadded === null) return [];
  return [
    [
      'padding',
      securePadded
        ? 'secure-padded to a whole MMU page'
        : 'not secure-padded: flash behind it in the same MMU page is not signed',
    ],
  ];
}

/** Everything about a bootloader. */
export function renderBootloader(
  { image, description }: BootloaderReport,
  output: Output,
): readonly string[] {
  const facts: Fact[] =
    description === null
      ? [['description', 'none (ESP-IDF has it from v5.2 on)']]
      : [
          ['ESP-IDF', shown(description.idfVersion)],
          ['compiled', shown(description.dateTime)],
          ['version', `${description.version}, secure_version ${description.secureVersion}`],
        ];
  return [
    renderFacts([...facts, ...imageFacts(image, output)], output),
    renderSegments(image, output),
  ];
}

import { hex } from '../../errors/hex.ts';
import type { MicroPythonSource, Plan } from '../../plan/plan.ts';
import type { Output } from '../output.ts';

/** A plan as a person reads it; --json prints the plan itself. */
export function renderPlan(plan: Plan, { colours }: Output): string {
  const rows: [string, string][] = [
    ['release', plan.stem],
    [
      'board',
      `${plan.board}${plan.variant === undefined ? '' : ` (${plan.variant})`}, ${plan.chip}`,
    ],
    [
      'version',
      `${plan.version}, project ${plan.projectName}, secure_version ${plan.secureVersion}`,
    ],
    ['created', plan.createdAt],
    ...describeSource(plan.source),
    ['flash size', plan.flash.size === 'keep' ? "as in the bootloader's header" : plan.flash.size],
    [
      'layout',
      `${plan.layout.name} (${plan.layout.file}), table at ${hex(plan.partitionTableOffset)}`,
    ],
    ...plan.layout.partitions.map(({ name, offset, size }): [string, string] => [
      '',
      `${hex(offset, 6)}  ${hex(size, 6)}  ${name}`,
    ]),
    ['signing', describeSigning(plan)],
  ];
  return rows.map(([label, value]) => `${colours.bold(label.padEnd(11))}${value}`).join('\n');
}

function describeBuild(source: MicroPythonSource): [string, string][] {
  const { toolchain, userModules, sdkconfig, frozenManifest } = source;
  const extended = source.otaExtended ? 'with' : 'without';
  return [
    ['firmware', `MicroPython ${source.described} in ${source.directory}, board ${source.board}`],
    ['', `${source.commit ?? 'no git commit'}${source.dirty ? ', with local changes' : ''}`],
    [
      'ESP-IDF',
      `${source.idfVersion}, ${toolchain.kind === 'local' ? 'of this machine' : toolchain.image}`,
    ],
    [
      'build',
      `${source.optimization === 'size' ? 'optimised for size' : 'optimised as the board says'}, built at ${source.builtAt}`,
    ],
    [
      '',
      `esp32.Partition ${extended} ota_begin, ota_write and the like; signatures checked: ${VERIFIED[source.verification]}`,
    ],
    ...userModules.map((file): [string, string] => ['', `C module ${file}`]),
    ...sdkconfig.map(({ file }): [string, string] => ['', `sdkconfig ${file}`]),
    ...(frozenManifest === undefined ? [] : [['', `frozen ${frozenManifest}`] as [string, string]]),
  ];
}

const VERIFIED = {
  none: 'never',
  'on-update': 'by the running app, before it takes an update',
  'secure-boot': 'by hardware Secure Boot',
} as const;

function describeSource(source: Plan['source']): [string, string][] {
  if (source.kind === 'micropython') return describeBuild(source);
  if (source.kind === 'release')
    return [['firmware', `${source.directory}, a release (manifest sha256 ${source.manifest})`]];
  if (source.kind !== 'build-directory')
    return [['firmware', `${source.file} (${source.size} bytes, sha256 ${source.sha256})`]];
  return [
    ['firmware', `${source.directory}, an ESP-IDF build directory`],
    ...source.files.map(({ file, size, sha256 }): [string, string] => [
      '',
      `${file} (${size} bytes, sha256 ${sha256})`,
    ]),
  ];
}

function describeSigning({ signing }: Plan): string {
  if (signing === null) return 'none';
  const what = signing.bootloader ? 'app and bootloader' : 'app';
  const keys = signing.keys.length === 0 ? 'signed later' : `keys: ${signing.keys.join(', ')}`;
  return `${what}, ${signing.scheme}, ${keys}`;
}

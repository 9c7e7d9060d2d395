import { hex } from '../../errors/hex.ts';
import type { ReleaseInspection } from '../../inspect/inspection.ts';
import type { ArtifactReport } from '../../inspect/release.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import type { Colours, Output } from '../output.ts';
import { renderApp } from './inspect-app.ts';
import {
  indent,
  renderIndentedMap,
  renderFacts,
  renderSection,
  renderWarnings,
  shown,
  type Fact,
} from './inspect-facts.ts';
import { formatSize } from './size.ts';
import { renderTable } from './table.ts';

/** A release directory as sections: what it is, what it warns of, its files, flash, signing keys and the app. */
export function renderRelease(
  { manifest, artifacts, flashMap, app }: ReleaseInspection,
  output: Output,
): readonly string[] {
  const appFile = artifacts.find(({ role }) => role === 'app')?.file ?? '';
  return [
    renderFacts(manifestFacts(manifest), output),
    renderWarnings(
      manifest.warnings.map(({ message }) => message),
      output,
    ),
    renderSection(['Files', ''], [indent(renderArtifacts(artifacts, output.colours))], output),
    renderSection(['Flash map', ''], [renderIndentedMap(flashMap, output)], output),
    renderSection(
      ['Signing', ''],
      [renderFacts(signingFacts(manifest, output.colours), output)],
      output,
    ),
    ...(app === null ? [] : [renderSection(['App', appFile], renderApp(app, output), output)]),
  ];
}

function manifestFacts(manifest: ReleaseInspection['manifest']): Fact[] {
  const { board, variant, chip, version, secureVersion, projectName, source, createdAt, flash } =
    manifest;
  return [
    [
      'board',
      `${shown(board)}${variant === undefined ? '' : ` (${shown(variant)})`}, ${shown(chip)}`,
    ],
    [
      'version',
      `${shown(version)}, project ${shown(projectName)}, secure_version ${secureVersion}`,
    ],
    ['created', createdAt],
    ['made from', describeSource(source)],
    source.kind === 'micropython'
      ? ['  commit', source.commit === undefined ? 'none: not from git' : shown(source.commit)]
      : ['  SHA-256', source.sha256],
    ['flash', `${shown(flash.mode)}, ${shown(flash.freq)}, ${shown(flash.size)}`],
  ];
}

function describeSource(source: Manifest['source']): string {
  if (source.kind === 'drill')
    return `the built-in rollback drill (${shown(source.file)}): meant to fail`;
  if (source.kind === 'micropython') {
    const dirty = source.dirty ? ', with local changes' : '';
    const container = source.container === undefined ? '' : ` (${shown(source.container)})`;
    return `MicroPython ${shown(source.version)}${dirty}, board ${shown(source.board)}, ESP-IDF ${shown(source.idfVersion)}${container}`;
  }
  const { file, micropython, idfVersion, partition, bootloaderRollback, container, project } =
    source;
  const what = micropython === undefined ? '' : `: MicroPython ${shown(micropython.version)}`;
  const where = partition === undefined ? '' : `, app from '${shown(partition)}'`;
  const rollback =
    bootloaderRollback === undefined ? '' : `, rollback in its bootloader ${bootloaderRollback}`;
  const version = project?.version === undefined ? '' : ` ${shown(project.version)}`;
  const build =
    container === 'build-directory'
      ? ` of an ESP-IDF build directory${project === undefined ? '' : ` (project ${shown(project.name)}${version})`}`
      : '';
  return `${shown(file)}${build}${what}, ESP-IDF ${shown(idfVersion)}${where}${rollback}`;
}

function renderArtifacts(artifacts: readonly ArtifactReport[], colours: Colours): string {
  const columns = [
    { title: 'file' },
    { title: 'size', align: 'right' },
    { title: 'offset' },
    { title: 'what' },
    { title: '' },
  ] as const;
  const rows = artifacts.map(({ file, size, offset, role, state }) => [
    file,
    formatSize(size),
    offset === undefined ? '' : hex(offset),
    role,
    state === 'as-listed'
      ? ''
      : colours.red(state === 'missing' ? 'missing' : 'not the file that the manifest lists'),
  ]);
  return renderTable(columns, rows, colours);
}

function signingFacts({ signing }: ReleaseInspection['manifest'], colours: Colours): Fact[] {
  if (signing === null) return [['signed', 'no']];
  return [
    ['scheme', signing.scheme],
    ...signing.keys.flatMap(({ digest, role, development }): Fact[] => [
      ['key', digest],
      [
        '',
        development === true
          ? `${role}, ${colours.yellow('a development key: never for devices in the field')}`
          : role,
      ],
    ]),
  ];
}

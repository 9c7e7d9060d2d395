import type { BuildInspection } from '../../inspect/inspection.ts';
import type { Output } from '../output.ts';
import { renderApp } from './inspect-app.ts';
import {
  indent,
  renderFacts,
  renderIndentedMap,
  renderSection,
  renderWarnings,
  shown,
  type Fact,
} from './inspect-facts.ts';
import { formatSize } from './size.ts';
import { renderTable } from './table.ts';

type Finished = Extract<BuildInspection, { readonly state: 'finished' }>;

/** An ESP-IDF build directory as sections: project and settings, its files, flash by its own table, the app. */
export function renderBuildDirectory(build: BuildInspection, output: Output): readonly string[] {
  if (build.state === 'unfinished') return [renderWarnings([build.problem], output)];
  const { files, flashMap, app } = build;
  const appFile = files.find(({ role }) => role === 'app')?.file ?? '';
  const columns = [
    { title: 'file' },
    { title: 'size', align: 'right' },
    { title: 'what' },
  ] as const;
  const rows = files.map(({ file, size, role }) => [shown(file), formatSize(size), role]);
  return [
    renderFacts(buildFacts(build), output),
    renderSection(['Files', ''], [indent(renderTable(columns, rows, output.colours))], output),
    ...(flashMap === null
      ? []
      : [
          renderSection(
            ['Flash map', 'of the build itself'],
            [renderIndentedMap(flashMap, output)],
            output,
          ),
        ]),
    renderSection(['App', shown(appFile)], renderApp(app, output), output),
  ];
}

function buildFacts({ chip, project, flash, settings }: Finished): Fact[] {
  const { mode, frequency, size } = flash;
  const facts: Fact[] = [['chip', chip]];
  if (project !== null) {
    const version = project.version === null ? '' : `, version ${shown(project.version)}`;
    facts.push(['project', `${shown(project.name)}${version}`]);
  }
  facts.push(['flash', `${shown(mode)}, ${shown(frequency)}, ${shown(size)}`]);
  if (settings === null) return [...facts, ['settings', '(no sdkconfig)']];
  const { rollback, antiRollback, signatures, secureBoot, flashEncryption } = settings;
  return [
    ...facts,
    ['rollback', rollback ? 'on' : 'off'],
    [
      'anti-rollback',
      antiRollback === null
        ? 'off'
        : `on, secure_version ${antiRollback.secureVersion}, ${antiRollback.bits ?? '?'} eFuse bits`,
    ],
    ['signed apps', signatures ?? 'off'],
    ['Secure Boot', secureBoot ?? 'off'],
    ['encryption', flashEncryption ? 'on' : 'off'],
  ];
}

import type { PublishOutcome } from '../../publish/run-publish.ts';
import type { Output } from '../output.ts';
import { printable } from './printable.ts';
import { formatSize } from './size.ts';

/** What --json prints: every release with its files, and where it can be had now. */
export function publishJson({ publications, published }: PublishOutcome, dryRun: boolean): unknown {
  return {
    ok: true,
    dryRun,
    releases: publications.map(({ release, channel }) => ({
      stem: release.stem,
      version: release.manifest.version,
      channel,
      files: release.files,
    })),
    targets: published,
  };
}

/** A line for each release and target: what it is, its channel, and where it can be had. */
export function renderPublish({ publications, published }: PublishOutcome, output: Output): string {
  const { colours } = output;
  if (publications.length === 0) return 'Dry run: every target can be published to.';
  const lines = publications.map(({ release, channel }) => {
    const size = release.files.reduce((sum, each) => sum + each.size, 0);
    return `${colours.bold(printable(release.stem))}  ${channel}, ${release.files.length} files, ${formatSize(size)}`;
  });
  if (published.length === 0)
    return [...lines, '', 'Dry run: it would be published; nothing was changed.'].join('\n');
  const places = published.flatMap(({ releases }) =>
    releases.map(
      ({ place, already, channel }) =>
        `${colours.green('✓')} ${printable(place)}  ${already ? 'was there already, the same bytes' : channel}`,
    ),
  );
  return [...lines, '', ...places].join('\n');
}

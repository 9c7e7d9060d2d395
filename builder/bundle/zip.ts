import { ZipArchive } from 'archiver';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** What a zip's DOS time can say: even seconds from 1980 to 2107; the years beyond 2043 upset some readers. */
const EARLIEST = Date.UTC(1980, 0, 1);
const LATEST = Date.UTC(2043, 11, 31);

/**
 * Writes a zip that depends on names, contents and `date` alone: entries sorted by name, stored (firmware hardly
 * compresses, and stored bytes do not depend on a zlib version), mode 0644, times in UTC. Throws what the disk throws.
 */
export async function writeZip(
  path: string,
  files: ReadonlyMap<string, Buffer>,
  date: Date,
): Promise<void> {
  const archive = new ZipArchive({ store: true, forceLocalTime: false });
  const problems: Error[] = [];
  archive.on('warning', (warning) => problems.push(warning));
  const written = pipeline(
    archive,
    createWriteStream(path, { flags: 'wx', mode: 0o644, flush: true }),
  );
  const names = [...files.keys()].sort();
  for (const name of names)
    archive.append(files.get(name) ?? Buffer.alloc(0), { name, date: zipDate(date), mode: 0o644 });
  await Promise.all([archive.finalize(), written]);
  if (problems[0] !== undefined) throw problems[0];
}

function zipDate(date: Date): Date {
  const clamped = Math.min(Math.max(date.getTime(), EARLIEST), LATEST);
  return new Date(Math.floor(clamped / 2000) * 2000);
}

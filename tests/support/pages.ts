import { createHash } from 'node:crypto';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import type { PageInput, PublishedVersion } from '../../builder/publish/page/page-input.ts';
import { OTA_TABLE } from './plans.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The manifest of a release of made-up parts, as `ota-build` would write it. */
export function aManifest(changes: Partial<Manifest> = {}): Manifest {
  const stem = `${changes.board ?? 'ESP32_GENERIC'}-${changes.version ?? '1.2.3'}`;
  const artifact = (role: Manifest['artifacts'][number]['role'], file: string, size: number) => ({
    role,
    file,
    size,
    sha256: digest(file),
  });
  return {
    schema: 1,
    board: 'ESP32_GENERIC',
    chip: 'esp32',
    version: '1.2.3',
    secureVersion: 2,
    projectName: 'micropython',
    source: {
      kind: 'micropython',
      version: 'v1.28.0',
      commit: 'e0e9fbb17ed6fd06bb76e266ae554784c9c80804',
      dirty: false,
      board: 'ESP32_GENERIC',
      idfVersion: 'v5.5.1',
      otaExtended: true,
      verification: 'none',
      bootloaderRollback: 'enabled',
    },
    createdAt: '2026-11-20T12:00:00Z',
    flash: { mode: 'dio', freq: '40m', size: '4MB' },
    partitions: OTA_TABLE.map(({ encrypted: _encrypted, readonly: _readonly, ...partition }) => ({
      ...partition,
      flags: [],
    })),
    artifacts: [
      { ...artifact('firmware', `${stem}.bin`, 1_179_648), offset: 0x1000 },
      { ...artifact('bootloader', 'bootloader.bin', 23_440), offset: 0x1000 },
      { ...artifact('partition-table', 'partition-table.bin', 3072), offset: 0x8000 },
      { ...artifact('otadata', 'otadata.bin', 8192), offset: 0xd000 },
      { ...artifact('app', `${stem}.app-bin`, 1_118_208), offset: 0x10000 },
      artifact('partitions-csv', 'partitions.csv', 235),
      artifact('flasher-args', 'flasher_args.json', 1086),
      artifact('flash-args', 'flash_args', 155),
    ],
    signing: { scheme: 'rsa3072', keys: [{ digest: digest('key'), role: 'image' }] },
    warnings: [],
    ...changes,
  };
}

/** An app alone: no bootloader, and so no full-flash image. */
export function withoutBootloader(manifest: Manifest): Manifest {
  const left = new Set(['firmware', 'bootloader']);
  return { ...manifest, artifacts: manifest.artifacts.filter(({ role }) => !left.has(role)) };
}

/** The rollback drill. */
export function asDrill(manifest: Manifest): Manifest {
  return {
    ...withoutBootloader(manifest),
    source: { kind: 'drill', file: 'drill.elf', sha256: digest('drill.elf') },
  };
}

/** How an index lists that release. */
export function publishedVersion(manifest: Manifest, channel: string): PublishedVersion {
  const keys = manifest.signing?.keys ?? [];
  return {
    version: manifest.version,
    channel,
    publishedAt: '2026-11-21T08:30:00Z',
    secureVersion: manifest.secureVersion,
    sourceKind: manifest.source.kind,
    development: keys.some(({ development }) => development === true),
    keys: keys.map((key) => key.digest),
    files: manifest.artifacts.map(({ file, size, sha256 }) => ({ file, size, sha256 })),
  };
}

/** Channels with the release that each has, the newest first. */
export type Releases = (readonly [channel: string, manifest: Manifest])[];

/** A page of these releases. */
export function aPageInput(...releases: Releases): PageInput {
  const [first] = releases;
  const name = [first?.[1].board, first?.[1].variant].filter((part) => part !== undefined);
  return {
    targetName: name.join('-'),
    versions: releases.map(([channel, manifest]) => publishedVersion(manifest, channel)),
    channels: Object.fromEntries(releases.map(([channel, { version }]) => [channel, version])),
    releases: new Map(
      releases.map(([, manifest]) => [
        manifest.version,
        { manifest, appMd5: '0123456789abcdef0123456789abcdef' },
      ]),
    ),
  };
}

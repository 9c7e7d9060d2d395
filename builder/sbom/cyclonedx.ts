import { createHash } from 'node:crypto';
import * as Enums from '@cyclonedx/cyclonedx-library/Enums';
import * as Models from '@cyclonedx/cyclonedx-library/Models';
import * as Serialize from '@cyclonedx/cyclonedx-library/Serialize';
import * as Spec from '@cyclonedx/cyclonedx-library/Spec';
import type { FirmwarePart } from './firmware-parts.ts';

/** A file of the release that the bill is of. */
export type BilledFile = { readonly role: string; readonly file: string; readonly sha256: string };

export type Bill = {
  /** `<BOARD>[-<VARIANT>]`. */
  readonly name: string;
  readonly version: string;
  readonly chip: string;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
  /** The release was compiled for it, not made of finished firmware. */
  readonly fromSource: boolean;
  readonly otaBuildVersion: string;
  /** The app first: it is what devices run. */
  readonly files: readonly BilledFile[];
  readonly parts: readonly FirmwarePart[];
};

const KINDS = {
  library: Enums.ComponentType.Library,
  file: Enums.ComponentType.File,
  platform: Enums.ComponentType.Platform,
} as const;

const PREFIX = 'ota-build:';

/**
 * A CycloneDX 1.6 bill of materials in JSON. The same bill gives the same bytes: the serial number is made from its
 * contents, the time is that of the release, lists are sorted. Source: CycloneDX 1.6, bom-1.6.schema.json (ECMA-424).
 */
export function cycloneDx(bill: Bill): Buffer {
  const bom = new Models.Bom({ metadata: metadataOf(bill) });
  const firmware = bom.metadata.component;
  for (const part of bill.parts) {
    const component = componentOf(part);
    bom.components.add(component);
    firmware?.dependencies.add(component.bomRef);
  }
  bom.serialNumber = serialNumber(serialize(bom));
  return Buffer.from(serialize(bom));
}

/**
 * A bill with the parts of an earlier one of the same firmware: a release that is signed has another app file, made of the
 * same things. Throws SyntaxError when one of them is not JSON.
 */
export function withPartsOf(bill: Buffer, earlier: Buffer): Buffer {
  const { serialNumber: _, ...made } = JSON.parse(bill.toString()) as Record<string, unknown>;
  const { components, dependencies } = JSON.parse(earlier.toString()) as Record<string, unknown>;
  const whole = { ...made, components, dependencies };
  const json = { ...whole, serialNumber: serialNumber(`${JSON.stringify(whole, null, 2)}\n`) };
  return Buffer.from(`${JSON.stringify(json, null, 2)}\n`);
}

function metadataOf(bill: Bill): Models.Metadata {
  const { name, version, chip, files } = bill;
  const [app] = files;
  const firmware = new Models.Component(Enums.ComponentType.Firmware, name, {
    bomRef: 'firmware',
    version,
    description: `Firmware for ${chip}`,
    hashes: sha256Of(app?.sha256),
    components: new Models.ComponentRepository(
      files.map(
        ({ role, file, sha256 }) =>
          new Models.Component(Enums.ComponentType.File, file, {
            bomRef: `artifact:${role}`,
            hashes: sha256Of(sha256),
            properties: propertiesOf({ role }),
          }),
      ),
    ),
    properties: propertiesOf({ chip }),
  });
  const tool = new Models.Component(Enums.ComponentType.Application, 'ota-build', {
    bomRef: 'ota-build',
    version: bill.otaBuildVersion,
  });
  const phase = bill.fromSource ? Enums.LifecyclePhase.Build : Enums.LifecyclePhase.PostBuild;
  return new Models.Metadata({
    timestamp: new Date(bill.createdAt),
    lifecycles: new Models.LifecycleRepository([phase]),
    tools: new Models.Tools({ components: new Models.ComponentRepository([tool]) }),
    component: firmware,
  });
}

function componentOf(part: FirmwarePart): Models.Component {
  const { kind, name, ref, group, version, description, purl, sha256, repository, facts } = part;
  return new Models.Component(KINDS[kind], name, {
    bomRef: ref,
    description,
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
    ...(purl === undefined ? {} : { purl }),
    hashes: sha256Of(sha256),
    properties: propertiesOf(facts),
    externalReferences: new Models.ExternalReferenceRepository(
      repository === undefined
        ? []
        : [new Models.ExternalReference(repository, Enums.ExternalReferenceType.VCS)],
    ),
  });
}

function sha256Of(digest: string | undefined): Models.HashDictionary {
  return new Models.HashDictionary(
    digest === undefined ? [] : [[Enums.HashAlgorithm['SHA-256'], digest]],
  );
}

function propertiesOf(facts: Readonly<Record<string, string>>): Models.PropertyRepository {
  return new Models.PropertyRepository(
    Object.entries(facts).map(([name, value]) => new Models.Property(`${PREFIX}${name}`, value)),
  );
}

function serialize(bom: Models.Bom): string {
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const serializer = new Serialize.JsonSerializer(factory);
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

/** A UUID of version 8 (RFC 9562: the application's own rule): the first bits of the SHA-256 of the bill without it. */
function serialNumber(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `urn:uuid:${[...groups, hex.slice(20)].join('-')}`;
}

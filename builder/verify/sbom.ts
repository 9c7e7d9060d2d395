import type { Manifest } from '../manifest/manifest.ts';
import { checkSchema, z } from '../schema/schema.ts';
import { errorFinding, type Check, type Finding } from './finding.ts';

const schema = z.object({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.object({
    component: z.object({
      version: z.string(),
      hashes: z.array(z.object({ alg: z.string(), content: z.string() })),
    }),
  }),
});

/**
 * Checks that a release's bill of materials is one of CycloneDX, and of this app. What it lists is not checked: nothing in
 * an image tells. Source: CycloneDX 1.6, `metadata.component`.
 */
export function checkSbom(manifest: Manifest, files: ReadonlyMap<string, Buffer>): Check {
  const title = 'bill of materials (SBOM)';
  const { artifacts } = manifest;
  const listed = artifacts.find(({ role }) => role === 'sbom');
  if (listed === undefined) return { title, findings: [], absent: 'none in this release' };
  const bytes = files.get(listed.file);
  return { title, findings: bytes === undefined ? [] : findingsOf(bytes, listed.file, manifest) };
}

function findingsOf(bytes: Buffer, file: string, { artifacts, version }: Manifest): Finding[] {
  const mismatch = (message: string): Finding[] => [
    errorFinding('SBOM_MISMATCH', message, { file }),
  ];
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return mismatch('is not JSON');
  }
  const result = checkSchema(schema, json);
  if (!result.ok) {
    const [issue] = result.issues;
    return mismatch(`is not of CycloneDX: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const { component } = result.value.metadata;
  const app = artifacts.find(({ role }) => role === 'app')?.sha256;
  const isOfApp = component.hashes.some(({ alg, content }) => alg === 'SHA-256' && content === app);
  if (isOfApp && component.version === version) return [];
  return mismatch('is of another app than this release has');
}

import { createHash } from 'node:crypto';
import type { Compiled } from '../compile/compiled.ts';
import { packageVersion } from '../files/package-directory.ts';
import { firmwareParts } from './firmware-parts.ts';

/** The app first, then what else a device runs or is flashed with. */
const ROLES = ['app', 'firmware', 'bootloader'];

export type SbomRequest = Pick<Compiled, 'plan' | 'source' | 'inventory' | 'bill'> & {
  /** Files of the release. */
  readonly files: readonly {
    readonly role: string;
    readonly file: string;
    readonly bytes: Uint8Array;
  }[];
};

/** The bill of materials of a release (CycloneDX 1.6, JSON). The library for it is loaded when it is needed. */
export async function releaseSbom(request: SbomRequest): Promise<Buffer> {
  const { plan, source, inventory, bill, files } = request;
  const { cycloneDx, withPartsOf } = await import('./cyclonedx.ts');
  const otaBuildVersion = packageVersion();
  const billed = ROLES.flatMap((role) => files.filter((file) => file.role === role));
  const made = cycloneDx({
    name: [plan.board, plan.variant].filter((part) => part !== undefined).join('-'),
    version: plan.version,
    chip: plan.chip,
    createdAt: plan.createdAt,
    fromSource: source.kind === 'micropython',
    otaBuildVersion,
    files: billed.map(({ role, file, bytes }) => ({
      role,
      file,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })),
    parts: bill === undefined ? firmwareParts({ source, inventory, otaBuildVersion }) : [],
  });
  return bill === undefined ? made : withPartsOf(made, bill);
}

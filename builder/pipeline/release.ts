import type { Bundle } from '../bundle/bundle.ts';
import { bundleStage } from '../bundle/stage.ts';
import type { CompileOptions } from '../compile/compile-micropython.ts';
import { compileStage } from '../compile/stage.ts';
import { partitionStage } from '../partition/stage.ts';
import type { Plan } from '../plan/plan.ts';
import { signStage } from '../sign/stage.ts';
import { stampStage } from '../stamp/stage.ts';
import { verifyStage } from '../verify/stage.ts';
import { writeStage, type OutputOptions } from '../write/stage.ts';
import { line, type Line } from './stage.ts';

/** What a release is, from plan to directory: the table of contents of this program. */
export function releaseLine(output: OutputOptions, compile: CompileOptions): Line<Plan, Bundle> {
  return line(compileStage(compile)) // firmware: app, bootloader, and what is known of them
    .next(stampStage) // version, project name, secure_version and time into the app
    .next(partitionStage) // partition table, initial otadata, and proof that all fits
    .next(signStage) // secure padding and signature sector
    .next(writeStage(output)) // the parts on disk, aside
    .next(verifyStage) // read back, and checked as the chip would
    .next(bundleStage); // manifest, checksums, zip, a last check; then into place
}

import {
  requireOtherFile,
  signToFile,
  stripToFile,
  writeSigningRequest,
  type SignJob,
} from '../sign/run-sign.ts';
import type { SignAction } from './commands/sign.ts';
import type { Output } from './output.ts';
import { renderRequest, renderSigned, renderStripped } from './render/sign.ts';

export type SignRun = {
  readonly job: SignJob;
  readonly output: Output;
  /** File to write, as the user named it; the file itself only when that was asked for. */
  readonly target: string;
};

/** Carries out what `ota-build sign` was asked for, and prints the result. Throws what signing throws. */
export async function runSignAction(action: SignAction, run: SignRun): Promise<void> {
  const { job, output, target } = run;
  if (action.kind !== 'request' && target !== job.image)
    await requireOtherFile(job.projectDirectory, job.image, target);
  if (action.kind === 'strip') {
    const stripped = await stripToFile(job, target);
    output.result({ ok: true, output: target, ...stripped }, () =>
      renderStripped(stripped, target),
    );
    return;
  }
  if (action.kind === 'request') {
    const request = await writeSigningRequest(job, action);
    output.result({ ok: true, digestFile: action.digestOut, request }, () =>
      renderRequest(request, action.digestOut),
    );
    return;
  }
  const { keys, ...pairs } = action;
  const report = await signToFile(job, { keys, pairs, output: target });
  for (const { development, reference } of report.keys) {
    if (development !== true) continue;
    const message = `${reference ?? ''} is a development key: what it signs is for trying out, never for devices in the field`;
    job.warn('DEVELOPMENT_KEY', message);
  }
  output.result({ ok: true, ...report }, () => renderSigned(report));
}

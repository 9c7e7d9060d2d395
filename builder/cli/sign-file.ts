import { requireOtherFile } from '../files/other-file.ts';
import { filesOfReference, parseKeyReference } from '../keys/key-reference.ts';
import { checkKeyReference } from '../plan/check-names.ts';
import { signToFile, stripToFile, writeSigningRequest, type SignJob } from '../sign/run-sign.ts';
import type { SignAction } from './commands/sign.ts';
import type { Output } from './output.ts';
import { renderRequest, renderSigned, renderStripped } from './render/sign.ts';

export type SignRun = {
  readonly job: SignJob;
  readonly output: Output;
  /** File to write, as the user named it; the file itself only when that was asked for. */
  readonly target: string;
  readonly inPlace: boolean;
};

/** Carries out what `ota-build sign` was asked for, and prints the result. Throws what signing throws. */
export async function runSignAction(action: SignAction, run: SignRun): Promise<void> {
  const { job, output, target } = run;
  await requireInputsStay(action, run);
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
  const report = await signToFile(job, { ...action, output: target });
  output.result({ ok: true, ...report }, () => renderSigned(report));
}

/** Nothing that is read is overwritten, but for the image where that was asked for (--in-place). */
async function requireInputsStay(
  action: SignAction,
  { job, target, inPlace }: SignRun,
): Promise<void> {
  const { image, projectDirectory } = job;
  if (action.kind === 'request') {
    const { digestOut, contentsOut, publicKeys } = action;
    const outputs = [
      digestOut,
      `${digestOut}.json`,
      ...(contentsOut === undefined ? [] : [contentsOut]),
    ];
    for (const [index, output] of outputs.entries())
      await requireOtherFile(
        projectDirectory,
        [image, ...publicKeys, ...outputs.slice(0, index)],
        output,
      );
    return;
  }
  const { keys, signatures, publicKeys } =
    action.kind === 'sign' ? action : { keys: [], signatures: [], publicKeys: [] };
  const inputs = [
    ...keys.flatMap((key) => filesOfReference(parseKeyReference(checkKeyReference(key)))),
    ...signatures,
    ...publicKeys,
  ];
  await requireOtherFile(projectDirectory, inPlace ? inputs : [image, ...inputs], target);
}

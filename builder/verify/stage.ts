import { join } from 'node:path';
import { VerifyError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { BOOTLOADER, OTADATA, PARTITION_TABLE, stemFiles } from '../manifest/release-files.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import { isDrill, isSignedHere } from '../plan/plan.ts';
import type { Written } from '../write/written.ts';
import { checkAppImage, type CheckedApp } from './app-image.ts';
import { checkBootloaderImage } from './bootloader-image.ts';
import { errorFinding, type Finding } from './finding.ts';
import { checkReleaseOtadata } from './otadata.ts';
import { describeFindings } from './report.ts';
import { checkTable } from './table.ts';
import type { Verified } from './verified.ts';

/** Reads the parts back from disk and refuses what the chip would refuse. */
export const verifyStage: Stage<Written, Verified> = {
  key: 'verify',
  title: 'verifying what was written',
  run: async (context, written) => {
    const parts = await readParts(written);
    const app = checkApp(parts.app, written);
    const findings = [
      ...app.findings,
      ...checkAgainstPlan(app, written),
      ...checkBootloader(parts.bootloader, written),
      ...checkTable(parts.table, {
        file: PARTITION_TABLE,
        tableOffset: written.layout.tableOffset,
        flashSize: written.layout.flash.size.bytes,
      }).findings,
      ...checkReleaseOtadata(parts.otadata, {
        file: OTADATA,
        isDrill: isDrill(written.plan),
        slotCount: written.layout.slots.length,
      }),
    ];
    report(context, findings);
    return {
      ...written,
      parts,
      ...(app.signature === undefined ? {} : { signature: app.signature }),
    } as Verified;
  },
};

async function readParts({ staging, plan, hasBootloader }: Written): Promise<Verified['parts']> {
  const read = (name: string): Promise<Buffer> =>
    readInput(join(staging.path, name), 'a part of the release');
  const parts = {
    app: await read(stemFiles(plan.stem).app),
    table: await read(PARTITION_TABLE),
    otadata: await read(OTADATA),
  };
  return hasBootloader ? { ...parts, bootloader: await read(BOOTLOADER) } : parts;
}

function checkApp(bytes: Buffer, { plan, chip, layout, signers }: Written): CheckedApp {
  return checkAppImage(bytes, {
    file: stemFiles(plan.stem).app,
    chip,
    slotSize: Math.min(...layout.slots.map(({ size }) => size)),
    signature: isSignedHere(plan) ? 'required' : 'forbidden',
    ...(signers.length === 0 ? {} : { trustedKeys: signers.map(({ digest }) => digest) }),
  });
}

function checkAgainstPlan(
  { description, signature }: CheckedApp,
  { plan, signers }: Written,
): Finding[] {
  const file = stemFiles(plan.stem).app;
  const findings: Finding[] = [];
  const { version, projectName, secureVersion } = plan;
  if (
    description?.version !== version ||
    description.projectName !== projectName ||
    description.secureVersion !== secureVersion
  ) {
    findings.push(
      errorFinding(
        'IMAGE_DESCRIPTION',
        'does not carry the version, project name and secure_version of the plan',
        { file },
      ),
    );
  }
  const blocks = signature?.blocks ?? [];
  if (
    blocks.length !== signers.length ||
    !signers.every(({ digest }, index) => blocks[index]?.keyDigest.equals(digest) === true)
  ) {
    findings.push(
      errorFinding(
        'SIGNATURE_BLOCKS',
        `has ${blocks.length} signature block(s) that are not by the ${signers.length} key(s) of the plan`,
        { file },
      ),
    );
  }
  return findings;
}

function checkBootloader(
  bytes: Buffer | undefined,
  { chip, layout, plan, signers }: Written,
): readonly Finding[] {
  if (bytes === undefined) return [];
  const isOurs = isSignedHere(plan) && plan.signing?.bootloader === true;
  return checkBootloaderImage(bytes, {
    file: BOOTLOADER,
    chip,
    tableOffset: layout.tableOffset,
    partitionsEnd: Math.max(...layout.partitions.map(({ offset, size }) => offset + size)),
    ...(isOurs ? { signature: 'required', trustedKeys: signers.map(({ digest }) => digest) } : {}),
  }).findings;
}

function report(context: Context, findings: readonly Finding[]): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    throw new VerifyError(
      'VERIFICATION_FAILED',
      `what was written does not hold:\n${describeFindings(errors)}`,
      { details: { findings: errors } },
    );
  }
  for (const { code, file, message } of findings)
    context.warn(code, file === undefined ? message : `${file} ${message}`);
}

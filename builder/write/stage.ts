import { join } from 'node:path';
import type { SourceFile } from '../compile/compiled.ts';
import { ProfileError } from '../errors/families.ts';
import { copyInput } from '../files/copy-input.ts';
import { createStagingDirectory, requireFree } from '../files/staging-directory.ts';
import { writeAndSync } from '../files/write-file.ts';
import { describeWriteFailure } from '../files/write-failure.ts';
import {
  BOOTLOADER,
  OTADATA,
  PARTITION_TABLE,
  sourceFileName,
  stemFiles,
} from '../manifest/release-files.ts';
import type { Stage } from '../pipeline/stage.ts';
import type { Plan } from '../plan/plan.ts';
import type { Signed } from '../sign/signed.ts';
import type { Written } from './written.ts';

export type OutputOptions = { readonly directory: string; readonly force: boolean };

/** Where the release of a plan goes. */
export function releaseDirectory(plan: Plan, { directory }: OutputOptions): string {
  return join(directory, plan.stem);
}

/** Puts the parts on disk, aside: what is verified next is what was written, not what we meant to write. */
export function writeStage(output: OutputOptions): Stage<Signed, Written> {
  return {
    key: 'write',
    title: 'writing the parts',
    preflight: (_context, plan) => {
      requireFree(releaseDirectory(plan, output), output.force);
      return Promise.resolve();
    },
    run: async (context, { app, bootloader, ...signed }) => {
      const target = releaseDirectory(signed.plan, output);
      const staging = await createStagingDirectory(target, output.force);
      context.onFailure(() => staging.discard());
      const parts: [string, Buffer][] = [
        [stemFiles(signed.plan.stem).app, app],
        [PARTITION_TABLE, signed.layout.table],
        [OTADATA, signed.layout.otadata],
        ...(bootloader === undefined ? [] : [[BOOTLOADER, bootloader.bytes] as [string, Buffer]]),
      ];
      for (const [name, bytes] of parts) {
        context.throwIfInterrupted();
        await writePart(join(staging.path, name), bytes);
      }
      for (const file of signed.sourceFiles ?? []) {
        context.throwIfInterrupted();
        await copySourceFile(file, join(staging.path, sourceFileName(file.role, signed.plan.stem)));
      }
      return {
        ...signed,
        staging,
        target,
        hasBootloader: bootloader !== undefined,
        bootloaderSigned: bootloader?.signed === true,
      };
    },
  };
}

/** Copied in pieces, as an ELF file has tens of megabytes; what was pinned when the build was read is what counts. */
async function copySourceFile({ role, path, ...pinned }: SourceFile, to: string): Promise<void> {
  const copied = await copyInput(path, `a file of a build (${role})`, to).catch(
    (error: unknown) => {
      throw describeWriteFailure(error, to);
    },
  );
  if (copied.sha256 === pinned.sha256 && copied.size === pinned.size) return;
  throw new ProfileError('SOURCE_CHANGED', `${path} changed while the release was made`, {
    where: { file: path },
    hint: 'Wait for the build to end, then plan again.',
  });
}

async function writePart(path: string, bytes: Buffer): Promise<void> {
  try {
    await writeAndSync(path, bytes, 0o644);
  } catch (error) {
    throw describeWriteFailure(error, path);
  }
}

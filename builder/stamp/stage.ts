import { flashSizeByCode } from '../chip/flash-settings.ts';
import { mmuPageSize } from '../chip/mmu-page.ts';
import type { Compiled } from '../compile/compiled.ts';
import { APP_DESC_OFFSET, APP_DESC_SIZE, parseAppDescription } from '../format/app-desc.ts';
import { parseEspImage } from '../format/esp-image.ts';
import type { Stage } from '../pipeline/stage.ts';
import { stampApp } from './stamp-app.ts';
import type { Stamped } from './stamped.ts';

/** Writes version, project name, secure_version and build time into the app. */
export const stampStage: Stage<Compiled, Stamped> = {
  key: 'stamp',
  title: 'stamping the app description',
  run: (context, compiled) => {
    const { version, projectName, secureVersion, createdAt, source } = compiled.plan;
    // What we compile says who it is from the compiler on, and its ELF file with it; a finished release was stamped.
    const app =
      source.kind === 'micropython' || source.kind === 'release'
        ? compiled.app
        : stampApp(compiled.app, {
            version,
            projectName,
            secureVersion,
            builtAt: new Date(createdAt),
          });
    const description = parseAppDescription(
      app.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE),
      APP_DESC_OFFSET,
    );
    if (app === compiled.app) {
      context.note(
        'the app says all that already, its time included: not a byte of it was changed',
      );
    } else if (compiled.sourceFiles?.some(({ role }) => role === 'elf') === true) {
      context.note(
        'the ELF file keeps the description it was linked with; the app still names it by its SHA-256, as debuggers need',
      );
    }
    if (secureVersion > 0) {
      context.note(
        `secure_version ${secureVersion}: a bootloader with anti-rollback burns ${secureVersion} eFuse bit(s) once this app ` +
          `is confirmed, and never again starts an app with a lower one; a bootloader without it ignores the number`,
      );
    }
    // The size that the app was built for counts, not the one that the profile gives the bootloader.
    const flashSize = flashSizeByCode(parseEspImage(app).header.flashSizeCode)?.bytes ?? 0;
    const pageSize = mmuPageSize(compiled.chip, description.mmuPageSizeLog2, flashSize);
    return Promise.resolve({ ...compiled, app, description, pageSize });
  },
};

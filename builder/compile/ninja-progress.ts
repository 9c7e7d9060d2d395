import type { Progress } from '../pipeline/context.ts';

/**
 * Turns ninja's `[n/m] step` lines into one progress. ESP-IDF's bootloader is a build of its own inside the build, with
 * numbers of its own: the larger total is the one that counts, and numbers never go back.
 */
export class NinjaProgress {
  private done = 0;
  private total = 0;

  /** The progress after this line of output; undefined when it says nothing of it. */
  read(line: string): Progress | undefined {
    const match = /^\[(\d{1,6})\/(\d{1,6})\] (.+)$/.exec(line);
    if (match === null) return undefined;
    const [done, total] = [Number(match[1]), Number(match[2])];
    if (total >= this.total) {
      this.total = total;
      this.done = Math.max(this.done, done);
    }
    return { done: this.done, total: this.total, step: shorten(match[3] ?? '') };
  }
}

/** `Building C object esp-idf/main/CMakeFiles/__idf_main.dir/…/gc.c.obj` is `gc.c` for those who wait. */
function shorten(step: string): string {
  const object = /^Building \S+ object \S*?([^/\\]+)\.obj$/.exec(step)?.[1];
  return object ?? step.replace(/\s+/g, ' ').slice(0, 60);
}

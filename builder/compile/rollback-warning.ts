import type { Warning } from '../pipeline/context.ts';
import { rollbackSupport } from './micropython-banner.ts';

/**
 * What every report says about a bootloader that cannot, or may not, roll back; nothing for one that does. Takes the
 * version of the MicroPython that it was released with, as the banner has it.
 */
export function rollbackWarning(version: string | undefined): readonly Warning[] {
  const rollback = rollbackSupport(version);
  if (rollback === 'enabled') return [];
  const unknown =
    version === undefined ? 'no such banner was found' : `${version} was built on the way there`;
  const message =
    rollback === 'disabled'
      ? `MicroPython ${version ?? ''} was released with a bootloader that does not roll back (rollback came with v1.21): ` +
        'an update that fails to start stays, and the device with it'
      : `whether this bootloader rolls back cannot be told: MicroPython's do from v1.21 on, but ${unknown}`;
  return [{ code: rollback === 'disabled' ? 'NO_ROLLBACK' : 'ROLLBACK_UNKNOWN', message }];
}

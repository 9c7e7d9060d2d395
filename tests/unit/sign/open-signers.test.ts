import { describe, expect, test } from 'vitest';
import { generateKey } from '../../../builder/keys/generate.ts';
import { createWorkspace } from '../../support/cli.ts';

describe('a development key that is not called by its name', () => {
  test('signs on a laptop, and is refused in CI', async () => {
    const workspace = await createWorkspace();
    const { privatePem } = await generateKey('ecdsa256', { development: true });
    await workspace.write('copy.pem', privatePem, 0o600);
    const args = [
      '--board',
      'ESP32_GENERIC_C6',
      '--scheme',
      'ecdsa256',
      '--firmware',
      'drill',
      '--key',
    ];
    const inCi = await workspace.runHere([...args, 'copy.pem'], { environment: { CI: 'true' } });
    expect(inCi.code).toBe(8);
    expect(inCi.stderr).toMatch(/copy\.pem is a development key, and this is CI/);
    expect(await workspace.runHere([...args, 'copy.pem'])).toMatchObject({ code: 0 });
    const byName = await workspace.runHere([...args, 'dev', '--force'], {
      environment: { CI: 'true' },
    });
    expect(byName).toMatchObject({ code: 0 });
  });
});

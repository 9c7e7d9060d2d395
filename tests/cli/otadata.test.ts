import { describe, expect, it } from 'vitest';
import { parseOtadata } from '../../builder/format/otadata.ts';
import { createWorkspace } from '../support/cli.ts';

describe('ota-build otadata', () => {
  it('trial writes OTA data that boots one slot on trial, as inspect explains', async () => {
    const workspace = await createWorkspace();
    const made = await workspace.run(['otadata', 'trial', '--from', 'slot0', '--to', 'slot1']);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain('boots slot1 on trial');
    const bytes = await workspace.read('otadata-trial.bin');
    expect(bytes.toString('hex', 0, 32)).toBe(`01000000${'ff'.repeat(20)}020000009a984347`);
    expect(bytes.toString('hex', 4096, 4128)).toBe(`02000000${'ff'.repeat(20)}000000007437f655`);
    const { stdout } = await workspace.run(['inspect', 'otadata-trial.bin']);
    expect(stdout).toMatch(/with rollback\s+slot 1/);
  });

  it('initial writes 8192 bytes of ff, which verify accepts', async () => {
    const workspace = await createWorkspace();
    expect(await workspace.runHere(['otadata', 'initial', '-o', 'new.bin'])).toMatchObject({
      code: 0,
    });
    expect((await workspace.read('new.bin')).equals(Buffer.alloc(8192, 0xff))).toBe(true);
    expect(await workspace.runHere(['verify', 'new.bin'])).toMatchObject({ code: 0 });
  });

  it('trial keeps a file that is there, unless it is told to replace it', async () => {
    const workspace = await createWorkspace();
    await workspace.write('mine.bin', 'precious');
    const trial = ['otadata', 'trial', '--from', 'slot0', '--to', 'slot1', '-o', 'mine.bin'];
    const refused = await workspace.runHere(trial);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/mine\.bin exists already and was kept/);
    expect((await workspace.read('mine.bin')).toString()).toBe('precious');
    expect(await workspace.runHere([...trial, '--force'])).toMatchObject({ code: 0 });
    // The same bytes again change nothing, and so need no leave.
    expect(await workspace.runHere(trial)).toMatchObject({ code: 0 });
  });

  it('inspect explains OTA data for the number of slots that it is told', async () => {
    const workspace = await createWorkspace();
    const trial = ['otadata', 'trial', '--from', 'factory', '--to', 'slot2', '--slots', '3'];
    const made = await workspace.runHere(trial);
    expect(made.stdout).toContain('boots slot2 on trial; factory comes back');
    const inspect = ['inspect', 'otadata-trial.bin', '--json'];
    const two = JSON.parse((await workspace.runHere(inspect)).stdout) as object;
    expect(two).toMatchObject({ slotCount: 2, withRollback: { slot: 0 } });
    const three = JSON.parse(
      (await workspace.runHere([...inspect, '--slots', '3'])).stdout,
    ) as object;
    expect(three).toMatchObject({ slotCount: 3, withRollback: { slot: 2 } });
  });

  it('a trial of a lower slot means that slot in a table with any number of slots', async () => {
    const workspace = await createWorkspace();
    await workspace.runHere(['otadata', 'trial', '--from', 'slot1', '--to', 'slot0']);
    const { sectors } = parseOtadata(await workspace.read('otadata-trial.bin'));
    for (let slots = 2; slots <= 16; slots++) expect((sectors[1].sequence - 1) % slots).toBe(0);
  });

  it.each([
    [['--from', 'slot0', '--to', 'slot1', '-o', '-'], /'-' is not the name of a file/],
    [['--from', 'slot0', '--to', 'slot1', '-o', ''], /'' is not the name of a file/],
    [['--from', 'slot0'], /--to/],
    [['--from', 'slot0', '--to', 'slot0'], /fallen back to/],
    [['--from', 'slot0', '--to', 'slot2'], /no slot2 in a table with 2/],
    [['--from', 'first', '--to', 'slot1'], /expected slot0 to slot15/],
    [['--from', 'slot0', '--to', 'slot1', '--slots', '17'], /expected 2 to 16/],
  ])('trial refuses %j with exit code 2', async (args, says) => {
    const workspace = await createWorkspace();
    const { code, stderr } = await workspace.runHere(['otadata', 'trial', ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
    expect(await workspace.listing()).toEqual([]);
  });
});

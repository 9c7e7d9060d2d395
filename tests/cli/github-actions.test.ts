import { describe, expect, test } from 'vitest';
import { createWorkspace, type Workspace } from '../support/cli.ts';

const DRILL = ['--board', 'ESP32_GENERIC', '--firmware', 'drill', '--app-version', '1.2.3'];

function inActions(workspace: Workspace) {
  const environment = {
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: workspace.directory,
    GITHUB_STEP_SUMMARY: workspace.path('summary.md'),
  };
  return (...args: readonly string[]) => workspace.runHere(args, { environment });
}

describe('in a job of GitHub Actions', () => {
  test('an error is shown at its line of the profile', async () => {
    const workspace = await createWorkspace();
    await workspace.write('profiles/MINE.yaml', 'schema: 1\nboard: MINE\nchip: esp33\n');
    const { code, stderr } = await inActions(workspace)('plan', '--board', 'MINE');
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^::error file=profiles\/MINE\.yaml,line=\d+,col=\d+,title=PROFILE_INVALID::.*chip/m,
    );
    expect(stderr).toMatch(/^error: /m);
  });

  test('stages fold, and warnings are annotations', async () => {
    const workspace = await createWorkspace();
    const { code, stderr } = await inActions(workspace)(...DRILL);
    expect(code, stderr).toBe(0);
    const commands = stderr.split('\n').filter((line) => line.startsWith('::'));
    const depth = commands.map((line) => line.replace(/^::(\w+).*/, '$1'));
    expect(depth.filter((each) => each === 'group').length).toBe(
      depth.filter((each) => each === 'endgroup').length,
    );
    expect(commands).toContain('::group::stamping the app description');
    expect(stderr).toMatch(/^::warning title=DRILL::this release is a rollback drill/m);
  });

  test('a group is closed before an error is shown', async () => {
    const workspace = await createWorkspace();
    const { code, stderr } = await inActions(workspace)(...DRILL, '--layout', 'none');
    expect(code).toBe(7);
    expect(stderr.split('::group::').length).toBe(stderr.split('::endgroup::').length);
  });

  test('the summary has a row for the release, and nothing for one that failed', async () => {
    const workspace = await createWorkspace();
    const run = inActions(workspace);
    await run(...DRILL);
    await run('--board', 'NONE', '--firmware', 'drill');
    const summary = (await workspace.read('summary.md')).toString();
    expect(summary).toContain('| ESP32&#95;GENERIC (esp32) | 1.2.3 | 0 | 4 KiB |');
    expect(summary.match(/^\| ESP32/gm)).toHaveLength(1);
  });

  test('names cannot speak to the runner', async () => {
    const workspace = await createWorkspace();
    const name = '::set-env name=NODE_OPTIONS::x';
    const { stderr } = await inActions(workspace)('inspect', name);
    expect(stderr).toContain('set-env');
    const lines = stderr.split('\n').map((line) => line.trimStart());
    expect(lines.filter((line) => line.startsWith('::') && !line.startsWith('::error '))).toEqual(
      [],
    );
  });

  test('--json keeps stdout one object', async () => {
    const workspace = await createWorkspace();
    const { stdout } = await inActions(workspace)(...DRILL, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  });
});

test('elsewhere nothing of it is printed', async () => {
  const workspace = await createWorkspace();
  const { stdout, stderr } = await workspace.runHere(DRILL, {
    environment: { GITHUB_ACTIONS: undefined, GITHUB_STEP_SUMMARY: workspace.path('summary.md') },
  });
  expect(`${stdout}${stderr}`).not.toMatch(/^::/m);
  expect((await workspace.listing()).join('\n')).not.toContain('summary.md');
});

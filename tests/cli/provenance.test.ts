import { beforeEach, describe, expect, test } from 'vitest';
import type { Provenance } from '../../builder/provenance/provenance.ts';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';

const BUILD = ['build', '--board', 'ESP32_GENERIC', '--firmware', 'firmware.bin'];
const OPTIONS = ['--app-version', '1.2.3', '--sign', '--key', 'dev'];

let work: Workspace;

beforeEach(async () => {
  work = await createWorkspace();
  await work.write('firmware.bin', makeRelease({ chip: chipOf('ESP32_GENERIC') }));
});

describe('build --provenance', () => {
  test('writes where the release comes from, beside it', async () => {
    const args = [...BUILD, ...OPTIONS, '--provenance', 'provenance.json'];
    const { code, stderr } = await work.run(args);
    expect(code, stderr).toBe(0);
    const text = (await work.read('provenance.json')).toString();
    const { buildDefinition, runDetails } = JSON.parse(text) as Provenance;
    expect(buildDefinition.externalParameters.plan).toMatchObject({
      board: 'ESP32_GENERIC',
      version: '1.2.3',
      signing: { keys: ['dev'] },
    });
    expect(buildDefinition.resolvedDependencies[0]?.name).toBe('firmware.bin');
    expect(runDetails.metadata?.startedOn).toMatch(/Z$/);
    expect(text).not.toContain(work.directory);
    expect((await work.run(['verify', 'out/ESP32_GENERIC-1.2.3'])).code).toBe(0);
  });

  test('is written by no dry run', async () => {
    const before = await work.listing();
    const args = [...BUILD, ...OPTIONS, '--dry-run', '--provenance', 'provenance.json'];
    expect((await work.runHere(args)).code).toBe(0);
    expect(await work.listing()).toEqual(before);
  });

  test.each([
    ['out/ESP32_GENERIC-1.2.3/provenance.json', 'would be in a release directory'],
    ['nowhere/provenance.json', 'there is no such directory'],
  ])('refuses %s before anything is made', async (file, message) => {
    const before = await work.listing();
    const { code, stderr } = await work.runHere([...BUILD, ...OPTIONS, '--provenance', file]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(await work.listing()).toEqual(before);
  });
});

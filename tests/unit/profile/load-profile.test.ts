import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ProfileError, UsageError } from '../../../builder/errors/families.ts';
import { loadProfile, shortPath } from '../../../builder/profile/load-profile.ts';
import { BOARDS } from '../../support/boards.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const PROFILE = `schema: 1
board: MINE
chip: esp32c3
flash:
  size: 4MB
partitions:
  layout: ota-4MiB
`;

const load = (projectDirectory: string, board?: string, file?: string) =>
  loadProfile({ projectDirectory, board, file });

/** The error of a project whose profile MINE has this text. */
async function refused(text: string): Promise<ProfileError> {
  const root = await tempProject({ 'profiles/MINE.yaml': text });
  return thrownBy(ProfileError, () => load(root, 'MINE'));
}

describe('a profile', () => {
  test.each(BOARDS.map(({ board, chip }) => [board, chip] as const))(
    'of the package is found by its board: %s',
    async (board, chip) => {
      const loaded = await load(await tempProject(), board);
      expect(loaded.profile.board).toBe(board);
      expect(loaded.chip).toBe(chip);
      expect(chip.secureBootV2.schemes).toContain(loaded.profile.signing?.scheme);
    },
  );

  test('of the project is found by its board and named as in the project', async () => {
    const root = await tempProject({ 'profiles/MINE.yaml': PROFILE });
    const { profile, chip, file } = await load(root, 'MINE');
    expect(file).toBe(join('profiles', 'MINE.yaml'));
    expect(chip.name).toBe('esp32c3');
    expect(profile).toMatchObject({
      schema: 1,
      board: 'MINE',
      chip: 'esp32c3',
      projectName: 'micropython',
      secureVersion: 0,
      flash: { size: '4MB' },
      partitions: { layout: 'ota-4MiB', tableOffset: 0x8000 },
    });
  });

  test("of the project wins over the package's of the same board", async () => {
    const text = PROFILE.replace('MINE', 'ESP32_GENERIC').replace('esp32c3', 'esp32s3');
    const root = await tempProject({ 'profiles/ESP32_GENERIC.yaml': text });
    expect((await load(root, 'ESP32_GENERIC')).chip.name).toBe('esp32s3');
  });

  test('that is named by its path wins over both, and needs no board', async () => {
    const root = await tempProject({ 'other/board.yaml': PROFILE });
    const path = join(root, 'other/board.yaml');
    expect((await load(root, undefined, path)).profile.board).toBe('MINE');
    expect((await load(root, 'MINE', path)).profile.board).toBe('MINE');
  });

  test('of another board than the one that was named is refused', async () => {
    const root = await tempProject({ 'profiles/OTHER.yaml': PROFILE });
    const error = await thrownBy(ProfileError, () => load(root, 'OTHER'));
    expect(error.code).toBe('PROFILE_INVALID');
    expect(error.message).toContain('is the profile of MINE, not of OTHER');
  });

  test('that is missing is an error of the call', async () => {
    const root = await tempProject();
    const error = await thrownBy(UsageError, () => load(root, undefined, join(root, 'none.yaml')));
    expect(error.code).toBe('INPUT_MISSING');
  });
});

describe('an unknown board', () => {
  const unknown = async (board: string): Promise<ProfileError> =>
    thrownBy(ProfileError, async () => load(await tempProject(), board));

  test.each([
    ['ESP32_GENERIK', 'ESP32_GENERIC'],
    ['esp32_generic', 'ESP32_GENERIC'],
    ['ESP32-GENERIC-C3', 'ESP32_GENERIC_C3'],
    ['S3', 'ESP32_GENERIC_S3'],
    ['GENERIC_P4', 'ESP32_GENERIC_P4'],
  ])('%s brings the nearest ones to mind, %s first', async (board, near) => {
    const error = await unknown(board);
    expect(error.code).toBe('BOARD_UNKNOWN');
    expect(error.message).toMatch(
      new RegExp(`^there is no profile for board '${board}'; did you mean ${near}( or .*)?\\?$`),
    );
    expect(error.hint).toContain('ESP32_GENERIC_C6');
  });

  test('like none of them brings nothing to mind', async () => {
    const error = await unknown('PYBV11');
    expect(error.message).toBe("there is no profile for board 'PYBV11'");
  });

  test.each(['../profiles/ESP32_GENERIC', 'ESP32 GENERIC', '', '/etc/passwd', 'a'.repeat(65)])(
    'cannot be a path: %j',
    async (board) => {
      expect((await unknown(board)).code).toBe('BOARD_UNKNOWN');
    },
  );

  test('that was not named at all is an error of the call, with the boards that there are', async () => {
    const error = await thrownBy(UsageError, async () => load(await tempProject()));
    expect(error.code).toBe('USAGE');
    expect(error.hint).toContain('ESP32_GENERIC_S3');
  });
});

describe('a profile is refused with file, line and column', () => {
  test.each([
    ['schema: 1', 'schema: 2', ':1:9: schema: expected 1, the version of this format; got 2'],
    ['board: MINE', 'board: MY-BOARD', ':2:8: board: expected letters, digits and _ only'],
    ['chip: esp32c3', 'chip: esp99', ':3:7: chip: expected one of esp32, '],
    ['size: 4MB', 'size: 3MB', ':5:9: flash.size: expected keep or a flash size'],
    ['layout: ota-4MiB', 'layout: 1', ':7:11: partitions.layout: expected the name of a layout'],
    [
      'layout: ota-4MiB',
      'layout: x\n  tableOffset: 0x8001',
      ':8:16: partitions.tableOffset: expected a multiple of 0x1000',
    ],
    [
      'layout: ota-4MiB',
      'layout: x\n  tableOffset: 0',
      ':8:16: partitions.tableOffset: expected a multiple',
    ],
    ['layout: ota-4MiB', 'layout: x\nsecureVersion: -1', ':8:16: secureVersion: '],
    [
      'layout: ota-4MiB',
      'layout: x\nsigning: { scheme: rsa2048 }',
      ':8:20: signing.scheme: expected rsa3072',
    ],
    [
      'layout: ota-4MiB',
      'layout: x\nsigning: { scheme: rsa3072, keys: [] }',
      ':8:35: signing.keys: ',
    ],
    ['layout: ota-4MiB', 'layout: x\nsigining: {}', ':8:1: sigining: unknown key'],
    ['flash:\n  size: 4MB\n', '', ':1:1: flash: missing; expected object'],
  ])('%j as %j', async (good, bad, expected) => {
    expect(PROFILE).toContain(good);
    const error = await refused(PROFILE.replace(good, bad));
    expect(error.code).toBe('PROFILE_INVALID');
    expect(error.exit).toBe(3);
    expect(error.message).toContain(`${join('profiles', 'MINE.yaml')}${expected}`);
  });
});

test('paths are shown as short as the project allows', () => {
  expect(shortPath('/a/b', '/a/b/c/d')).toBe(join('c', 'd'));
  expect(shortPath('/a/b', '/a/x')).toBe('/a/x');
  expect(shortPath('/a/b', '/a/b')).toBe('/a/b');
});

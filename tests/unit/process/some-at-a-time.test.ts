import { describe, expect, test } from 'vitest';
import { someAtATime } from '../../../builder/process/some-at-a-time.ts';

const later = (turns: number): Promise<void> =>
  turns === 0
    ? Promise.resolve()
    : new Promise((resolve) =>
        setImmediate(() => {
          resolve(later(turns - 1));
        }),
      );

describe('someAtATime', () => {
  test('gives every result in the order of the items, however long each takes', async () => {
    const results = await someAtATime([5, 0, 3, 1], 2, async (turns) => {
      await later(turns);
      return turns * 2;
    });
    expect(results).toEqual([10, 0, 6, 2]);
    expect(await someAtATime([], 2, () => Promise.reject(new Error('called')))).toEqual([]);
  });

  test('never does more than the limit at the same time, and as many as that', async () => {
    let running = 0;
    let most = 0;
    await someAtATime([1, 2, 3, 4, 5, 6, 7], 3, async (turns) => {
      running += 1;
      most = Math.max(most, running);
      await later(turns);
      running -= 1;
    });
    expect(most).toBe(3);
  });

  test('begins nothing after a failure, and throws the first when all that was begun has ended', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const action = async (turns: number): Promise<void> => {
      begun.push(turns);
      await later(turns);
      ended.push(turns);
      if (turns !== 9) throw new Error(`failed ${turns}`);
    };
    await expect(someAtATime([4, 1, 9, 2, 3], 3, action)).rejects.toThrow('failed 4');
    expect(begun).toEqual([4, 1, 9]);
    expect(ended.sort()).toEqual([1, 4, 9]);
  });
});

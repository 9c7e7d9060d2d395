import { afterEach, describe, expect, test, vi } from 'vitest';
import { requestOnce } from '../../../builder/fetch/sources/http-request.ts';
import { openHttp } from '../../../builder/fetch/sources/http.ts';
import { readBody, retryAfter } from '../../../builder/fetch/sources/http-client.ts';
import { parseSource } from '../../../builder/fetch/source.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Answers every request with a redirect there. */
function redirectTo(location: string): void {
  vi.stubGlobal('fetch', () =>
    Promise.resolve(new Response(null, { status: 302, headers: { location } })),
  );
}
const { signal } = new AbortController();

describe('a redirect', () => {
  test('from https to http is refused', async () => {
    redirectTo('http://example.com/x');
    await expect(
      requestOnce({ url: new URL('https://example.com/'), signal }),
    ).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: 'https://example.com/ redirects from https to http://example.com',
    });
  });

  test('from https to https is followed, but not for ever', async () => {
    redirectTo('/again');
    await expect(
      requestOnce({ url: new URL('https://example.com/'), signal }),
    ).rejects.toMatchObject({
      message: expect.stringContaining('more than 5 times') as string,
    });
  });
});

describe('a small body', () => {
  /** A hundred bytes, and so many milliseconds until each of them has come. */
  async function* drops(milliseconds: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < 100; at++) {
      vi.setSystemTime(Date.now() + milliseconds);
      yield await Promise.resolve(Buffer.from('x'));
    }
  }

  const read = (milliseconds: number): Promise<Buffer> => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const chunks = drops(milliseconds);
    const end = (): void => undefined;
    return readBody({ status: 200, headers: new Headers(), chunks, end }, 1000, 'index.json');
  };

  test('that comes slowly is waited for', async () => {
    expect(await read(2900)).toHaveLength(100);
  });

  test('that comes in drops is not', async () => {
    await expect(read(20_000)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: 'index.json comes too slowly to be waited for',
    });
  });
});

describe('Retry-After', () => {
  test.each([
    ['5', 5000],
    ['0', 0],
    ['Thu, 01 Jan 1970 00:00:10 GMT', 9000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
    ['99999999999', undefined],
    [null, undefined],
  ])('of %j is %j milliseconds', (header, expected) => {
    const wait = retryAfter(header, 1000);
    if (expected === undefined)
      expect(wait === undefined || wait > 30_000 || wait === 0).toBe(true);
    else expect(wait).toBe(expected);
  });
});

describe('a source in the open', () => {
  test.each([
    ['https://example.com/', false],
    ['http://127.0.0.1:8000/', false],
    ['http://localhost/', false],
    ['http://127.0.0.1.example.com/', true],
    ['http://192.168.1.5/', true],
  ])('%s: %s', (address, isOpen) => {
    const source = parseSource(address);
    if (source.kind !== 'http') throw new Error('not an address');
    expect(openHttp(source, signal).isOpenToAll).toBe(isOpen);
  });
});

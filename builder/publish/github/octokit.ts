import { retry } from '@octokit/plugin-retry';
import { throttling, type ThrottlingOptions } from '@octokit/plugin-throttling';
import { Octokit as PlainOctokit } from '@octokit/rest';

export type Octokit = PlainOctokit;

export type Connection = {
  /** Base of the REST API, without a slash at the end: `https://api.github.com`, `https://HOST/api/v3`. */
  readonly apiUrl: string;
  readonly token: string;
  /** Seconds that all waiting for rate limits may take together. */
  readonly patienceSeconds: number;
  readonly note: (text: string) => void;
};

/** More often than this one request is not repeated for a rate limit. */
const MOST_REPEATS = 5;
const PUBLIC_API = 'https://api.github.com';

/**
 * GitHub's own client, with its plugins: what answers 5xx or not at all is asked again after 1, 4 and 9 seconds (unless a
 * request says `retries: 0`), what is answered with a rate limit after the time that GitHub asks for, as long as the patience
 * lasts. Requests that change something keep the distance that GitHub's best practices ask for, on github.com.
 */
export function openOctokit({ apiUrl, token, patienceSeconds, note }: Connection): Octokit {
  let patience = patienceSeconds;
  const waitFor = (limit: string) => (seconds: number, _: unknown, __: unknown, count: number) => {
    if (seconds > patience || count >= MOST_REPEATS) return false;
    patience -= seconds;
    note(`GitHub's ${limit} is reached; waiting ${seconds} s, as it asks for`);
    return true;
  };
  const WithPlugins = PlainOctokit.plugin(retry, throttling);
  return new WithPlugins({
    baseUrl: apiUrl,
    auth: token,
    userAgent: 'ota-build',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    // A rate limit is the other plugin's: this one would ask again before the time is over.
    retry: { doNotRetry: [400, 401, 403, 404, 409, 410, 413, 422, 429, 451] },
    throttle: {
      onRateLimit: waitFor('rate limit'),
      onSecondaryRateLimit: waitFor('secondary rate limit'),
      // An Enterprise Server has rate limits only where somebody has set them, and says so when they are reached.
      ...(apiUrl === PUBLIC_API ? {} : { write: UNPACED, notifications: UNPACED }),
    },
  });
}

/** In place of the limiter that lets one change through a second. */
const UNPACED = {
  key: () => ({ schedule: (_: unknown, job: () => Promise<unknown>) => job() }),
} as unknown as NonNullable<ThrottlingOptions['write']>;

function silent(): void {
  // Octokit would write to the terminal by itself; what went wrong is thrown, and said once.
}

import { throttling, type ThrottlingOptions } from '@octokit/plugin-throttling';
import { Octokit as PlainOctokit } from '@octokit/rest';
import { pause } from './retry.ts';
import { wholeFetch } from './whole-fetch.ts';

export type Octokit = PlainOctokit;

export type Connection = {
  /** Base of the REST API, without a slash at the end: `https://api.github.com`, `https://HOST/api/v3`. */
  readonly apiUrl: string;
  readonly token: string;
  readonly signal: AbortSignal;
  /** Seconds that all waiting for rate limits may take together. */
  readonly patienceSeconds: number;
  readonly note: (text: string) => void;
};

type LimitHandler = NonNullable<ThrottlingOptions['onRateLimit']>;

/** More often than this one request is not repeated for a rate limit. */
const MOST_REPEATS = 5;
const PUBLIC_API = 'https://api.github.com';

/**
 * GitHub's own client. What is answered with a rate limit is asked again after the time that GitHub asks for, as long as the
 * patience lasts; requests that change something keep the distance that GitHub's best practices ask for, on github.com. Other
 * failures are thrown: their plugin would repeat what may have happened, and its waits cannot be interrupted.
 */
export function openOctokit(connection: Connection): Octokit {
  const { apiUrl, token, signal, note } = connection;
  let patience = connection.patienceSeconds;
  // The plugin awaits its handlers and looks at what they give, though their type does not say so.
  const waitFor =
    (limit: string): ((...request: Parameters<LimitHandler>) => unknown) =>
    async (seconds, _options, _octokit, count) => {
      if (seconds > patience || count >= MOST_REPEATS) return false;
      patience -= seconds;
      note(`GitHub's ${limit} is reached; waiting ${seconds} s, as it asks for`);
      return pause(seconds * 1000, signal).then(
        () => true,
        () => false,
      );
    };
  return new (PlainOctokit.plugin(nameRateLimits, throttling))({
    baseUrl: apiUrl,
    auth: token,
    userAgent: 'ota-build',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: { fetch: fetchFrom(apiUrl) },
    throttle: {
      // The handlers have waited already, in a way that an interruption ends.
      retryAfterBaseValue: 0,
      onRateLimit: waitFor('rate limit'),
      onSecondaryRateLimit: waitFor('secondary rate limit'),
      // An Enterprise Server has rate limits only where somebody has set them, and says so when they are reached.
      ...(apiUrl === PUBLIC_API ? {} : { write: UNPACED, notifications: UNPACED }),
    },
  });
}

/** `wholeFetch` from the API's own server: the token goes with every request, and a list says itself where it goes on. */
function fetchFrom(apiUrl: string): typeof wholeFetch {
  const { origin } = new URL(apiUrl);
  return (url, init) => {
    const to = new URL(url).origin;
    if (to === origin) return wholeFetch(url, init);
    throw new Error(`the answer leads to ${to}, which must not see the token`);
  };
}

/**
 * Not every rate limit is called one: a 403 or 429 with retry-after is (REST API, Rate limits, Exceeding the rate limit). The
 * plugin, which comes after this one, knows them by their words.
 */
function nameRateLimits(octokit: Pick<PlainOctokit, 'hook'>): void {
  octokit.hook.error('request', (error) => {
    const headers = 'response' in error ? error.response?.headers : undefined;
    if ('status' in error && [403, 429].includes(error.status) && headers?.['retry-after'])
      error.message += ' (secondary rate limit)';
    throw error;
  });
}

/** In place of the limiter that lets one change through a second. */
const UNPACED = {
  key: () => ({ schedule: (_: unknown, job: () => Promise<unknown>) => job() }),
} as unknown as NonNullable<ThrottlingOptions['write']>;

function silent(): void {
  // Octokit would write to the terminal by itself; what went wrong is thrown, and said once.
}

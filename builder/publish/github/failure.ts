import { PublishError } from '../../errors/families.ts';
import { untilTime } from './rate-limit-end.ts';

/** What a message about a failed request has to name, and what it must never hold. */
export type FailureFacts = {
  /** Goes on after "GitHub does not let this token" and "could not": `list the releases of O/R`. */
  readonly doing: string;
  readonly token: string;
};

/** As @octokit/request-error has it, as far as it is used. */
type RequestFailure = Error & {
  readonly status: number;
  readonly response?: {
    readonly headers: Readonly<Record<string, string | number | undefined>>;
  };
};

const RIGHTS =
  'In a workflow, give the job `permissions: contents: write`. A fine-grained token needs Contents: read and write for this repository, a classic one the scope repo (public_repo for public repositories).';

/**
 * The error that a user gets for a request that failed: its `details.status` is what GitHub answered, absent when there was no
 * answer. The token is in none of it, and nothing of the request is kept as a cause.
 */
export function describeFailure(error: unknown, facts: FailureFacts): PublishError {
  const failure = error as RequestFailure;
  const said = printable(failure.message, facts.token);
  const status = failure.response === undefined ? undefined : failure.status;
  const details = status === undefined ? {} : { status };
  if (status === undefined || status >= 500) {
    const answer = status === undefined ? said : `GitHub answered ${status} (${said})`;
    return new PublishError('TARGET_UNREACHABLE', `could not ${facts.doing}: ${answer}`, {
      hint: 'Run the same command again: it goes on where this one stopped.',
      details,
    });
  }
  if (isRateLimit(failure)) return rateLimited(failure, said, facts);
  return refused({ status, said, details, sso: header(failure, 'x-github-sso') }, facts);
}

type Refusal = {
  readonly status: number;
  readonly said: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly sso: string | undefined;
};

function refused({ status, said, details, sso }: Refusal, { doing }: FailureFacts): PublishError {
  if (status === 401)
    return new PublishError(
      'TOKEN_SCOPE',
      `GitHub does not accept the token (${said}): it is mistyped, expired or revoked`,
      { hint: 'Set GITHUB_TOKEN to a token that is valid.', details },
    );
  if (status === 403)
    return new PublishError(
      'TOKEN_SCOPE',
      `GitHub does not let this token ${doing}: it answered 403 (${said})`,
      {
        hint:
          sso === undefined
            ? RIGHTS
            : 'The organisation wants single sign-on: authorise the token for it.',
        details,
      },
    );
  if (status === 404)
    return new PublishError(
      'TARGET_UNREACHABLE',
      `could not ${doing}: GitHub answered 404 (${said}): it is not there, or this token may not see it`,
      { hint: RIGHTS, details },
    );
  const message = `could not ${doing}: GitHub answered ${status} (${said})`;
  // Also of one that was removed: its tag is never free again.
  if (/\bimmutable release\b/i.test(said))
    return new PublishError('RELEASE_EXISTS', message, {
      hint: 'What is published is never changed. Give the release a new version.',
      details,
    });
  return new PublishError('RELEASE_REFUSED', message, { details });
}

/** Source: docs.github.com, REST API, Rate limits: 403 or 429, with x-ratelimit-remaining 0 or a secondary limit. */
function isRateLimit(failure: RequestFailure): boolean {
  if (failure.status === 429) return true;
  if (failure.status !== 403) return false;
  return (
    header(failure, 'x-ratelimit-remaining') === '0' ||
    header(failure, 'retry-after') !== undefined ||
    /\bsecondary rate\b/i.test(failure.message)
  );
}

function rateLimited(failure: RequestFailure, said: string, { doing }: FailureFacts): PublishError {
  const reset = Number(header(failure, 'x-ratelimit-reset'));
  const after = Number(header(failure, 'retry-after'));
  const until = after > 0 ? Date.now() + after * 1000 : reset * 1000;
  return new PublishError(
    'TARGET_BUSY',
    `could not ${doing}: GitHub's rate limit is used up${untilTime(until)} (${said})`,
    {
      hint: 'Run the same command again then: it goes on where this one stopped.',
      details: { status: failure.status },
    },
  );
}

function header(failure: RequestFailure, name: string): string | undefined {
  const value = failure.response?.headers[name];
  return value === undefined ? undefined : String(value);
}

/** Text from elsewhere as it may stand in a message: one line, short, without the token. */
export function printable(text: string, token: string): string {
  const line = text
    .replaceAll(token, '***')
    // eslint-disable-next-line no-control-regex -- that is what must not reach a terminal
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ')
    .trim();
  return line.length <= 300 ? line : `${line.slice(0, 300)}…`;
}

/** What GitHub answered to the request that this error is about; undefined when it did not answer, or for other errors. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof PublishError)) return undefined;
  const { status } = error.details;
  return typeof status === 'number' ? status : undefined;
}

/** True when a request may have been carried out although it failed: a 5xx, a cut connection, no answer in time. */
export function mayHaveHappened(error: unknown): boolean {
  return error instanceof PublishError && error.code === 'TARGET_UNREACHABLE'
    ? (statusOf(error) ?? 500) >= 500
    : false;
}

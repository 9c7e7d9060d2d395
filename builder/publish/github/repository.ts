import { PublishError } from '../../errors/families.ts';

/** A repository, and how it is reached. */
export type GitHubPlace = {
  /** As the user wrote it: `github:OWNER/REPO`. */
  readonly name: string;
  readonly owner: string;
  readonly repo: string;
  /** Base of the REST API, without a slash at the end. */
  readonly apiUrl: string;
};

type Environment = Readonly<Record<string, string | undefined>>;

const SPEC = /^github:([A-Za-z0-9][A-Za-z0-9-]{0,38})\/([A-Za-z0-9._-]{1,100})$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * The repository of `github:OWNER/REPO`. GITHUB_API_URL says where its API is, as GitHub Actions sets it, also on GitHub
 * Enterprise; github.com without. Throws PublishError (TARGET_INVALID).
 */
export function parseGitHubSpec(spec: string, environment: Environment): GitHubPlace {
  const [, owner, repo] = SPEC.exec(spec) ?? [];
  if (owner === undefined || repo === undefined || /^\.{1,2}$/.test(repo))
    throw new PublishError(
      'TARGET_INVALID',
      `'${spec}' is not a repository of GitHub; github:OWNER/REPO was expected`,
    );
  const given = environment['GITHUB_API_URL'] ?? '';
  const apiUrl = (given === '' ? 'https://api.github.com' : given).replace(/\/+$/, '');
  requireSafeAddress(apiUrl, 'GITHUB_API_URL');
  return { name: spec, owner, repo, apiUrl };
}

/** Throws PublishError (TARGET_INVALID) for an address that a token must not be sent to. `what` names it in the message. */
export function requireSafeAddress(address: string, what: string): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const problem =
    url === undefined
      ? 'is not an address'
      : url.username !== '' || url.password !== ''
        ? 'has a user name or password in it'
        : url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname))
          ? 'is not https, and the token would be sent in the clear'
          : undefined;
  if (problem === undefined) return;
  throw new PublishError('TARGET_INVALID', `${what} ${problem}`, {
    hint: 'An address such as https://api.github.com was expected.',
  });
}

/**
 * Throws PublishError (TARGET_INVALID) for an address for uploads (RFC 6570 template) that is not on the server of the API, which is also the one
 * called uploads.X where the API is api.X: the token goes nowhere else. Sources: REST API, Upload a release asset; GitHub
 * Enterprise Cloud with data residency, Network access.
 */
export function requireUploadAddress(template: string, { apiUrl }: GitHubPlace): void {
  const address = template.replace(/\{.*$/s, '');
  const what = 'the address that GitHub gave for uploads';
  requireSafeAddress(address, what);
  const api = new URL(apiUrl).hostname;
  const { hostname } = new URL(address);
  const isLocal = LOOPBACK.test(api) && LOOPBACK.test(hostname);
  if (hostname === api || hostname === api.replace(/^api\./, 'uploads.') || isLocal) return;
  throw new PublishError(
    'TARGET_INVALID',
    `${what} is at ${hostname}, and its API at ${api}: the token is not sent to others`,
  );
}

/**
 * The token of GITHUB_TOKEN, else of GH_TOKEN. Throws PublishError (TOKEN_MISSING) when there is none, or when it cannot be one;
 * its value is in no message.
 */
export function tokenOf(environment: Environment): string {
  const name = ['GITHUB_TOKEN', 'GH_TOKEN'].find((each) => (environment[each] ?? '').trim() !== '');
  if (name === undefined)
    throw new PublishError('TOKEN_MISSING', 'publishing to GitHub needs a token in GITHUB_TOKEN', {
      hint: 'In a workflow, set `env: GITHUB_TOKEN: ${{ github.token }}` and `permissions: contents: write`.',
    });
  const token = (environment[name] ?? '').trim();
  if (!/^[\x21-\x7e]{1,1024}$/.test(token))
    throw new PublishError(
      'TOKEN_MISSING',
      `${name} holds no token: there are spaces, line ends or other characters in it that no token has`,
    );
  return token;
}

import { UsageError } from '../errors/families.ts';

/** A place that releases come from, as it was written. `name` is safe to show: it has no password in it. */
export type SourceName =
  | { readonly kind: 'directory' | 'zip'; readonly path: string; readonly name: string }
  | {
      readonly kind: 'http';
      /** Ends in a slash; has neither user nor password. */
      readonly url: URL;
      /** The Authorization header that the user and password in the address ask for. */
      readonly authorization?: string;
      readonly name: string;
    }
  | {
      readonly kind: 'github';
      readonly owner: string;
      readonly repository: string;
      readonly name: string;
    };

const GITHUB = /^([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))\/([A-Za-z0-9._-]{1,100})$/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]+):/;
const HINT =
  'Sources are dir:PATH or a path, the zip of a release, http:// and https:// addresses, and github:OWNER/REPO.';

/** Reads the name of a source. Throws UsageError for what is none. */
export function parseSource(text: string): SourceName {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  const rest = scheme === undefined ? text : text.slice(scheme.length + 1);
  switch (scheme) {
    case undefined:
    case 'dir':
      return parseDirectory(rest, text);
    case 'http':
    case 'https':
      return parseAddress(text);
    case 'github':
      return parseRepository(rest);
    default:
      throw invalid(`there is no kind of source called ${scheme}:`);
  }
}

function parseDirectory(path: string, name: string): SourceName {
  if (path === '' || path.includes('\0')) throw invalid('the source names no directory');
  return { kind: /\.zip$/i.test(path) ? 'zip' : 'directory', path, name };
}

function parseAddress(text: string): SourceName {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw invalid('the source is not an address that can be fetched from');
  const url = new URL(text);
  if (url.search !== '' || url.hash !== '')
    throw invalid('the address of a source has no ?query and no #fragment: it is a directory');
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  if (username === '' && password === '') return { kind: 'http', url, name: url.href };
  const pair = `${decode(username)}:${decode(password)}`;
  const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  return { kind: 'http', url, authorization, name: url.href };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('user and password in the address are not percent-encoded');
  }
}

function parseRepository(rest: string): SourceName {
  const [, owner = '', repository = ''] = GITHUB.exec(rest) ?? [];
  if (owner === '' || repository === '.' || repository === '..')
    throw invalid('github: is followed by OWNER/REPO');
  return { kind: 'github', owner, repository, name: `github:${owner}/${repository}` };
}

function invalid(problem: string): UsageError {
  return new UsageError('USAGE', problem, { hint: HINT });
}

/**
 * `fetch`, but an answer is there whole or the request has failed: GitHub's client takes an answer that broke off for an empty
 * one, and a list of releases must not be empty because a connection was cut. What was asked for as a stream of bytes stays one.
 */
export async function wholeFetch(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const isStream = new Headers(init.headers).get('accept') === 'application/octet-stream';
  if (response.body === null || (isStream && response.ok)) return response;
  const bytes = await response.arrayBuffer();
  const { status, statusText, headers } = response;
  if (response.ok && bytes.byteLength > 0) requireAnswer(headers.get('content-type') ?? '', bytes);
  return new Response(bytes.byteLength === 0 ? null : bytes, { status, statusText, headers });
}

/** Throws for what is no answer of GitHub's, such as the page of a proxy. */
function requireAnswer(type: string, bytes: ArrayBuffer): void {
  if (type.startsWith('application/vnd.github.')) return;
  if (!type.startsWith('application/json'))
    throw new Error(`the answer is of type '${type}', not GitHub's`);
  JSON.parse(new TextDecoder().decode(bytes));
}

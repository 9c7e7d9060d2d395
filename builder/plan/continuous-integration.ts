/** True where CI is set, as GitHub Actions and its peers do: nobody watches, so nothing is made on demand. */
export function isContinuousIntegration(
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const ci = environment['CI'];
  return ci !== undefined && ci !== '' && ci !== 'false' && ci !== '0';
}

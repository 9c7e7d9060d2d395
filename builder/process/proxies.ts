import { UsageError } from '../errors/families.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** This machine is asked itself. */
const OWN = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Has every later request of this process go by way of the proxies that the environment names, as curl's do: HTTP_PROXY, HTTPS_PROXY
 * (that of HTTP where there is none), but for the hosts in NO_PROXY, each in capitals or not. Node's own fetch looks at
 * none of them before v24. An https address is reached through a tunnel, so that the proxy sees nothing of it. Throws
 * UsageError for a proxy's address that is none.
 */
export async function useProxies(environment: Environment): Promise<void> {
  const httpProxy = proxyIn(environment, 'http_proxy');
  const httpsProxy = proxyIn(environment, 'https_proxy') ?? httpProxy;
  const except = valueIn(environment, 'no_proxy') ?? '';
  if (httpsProxy === undefined || except.trim() === '*') return;
  const { EnvHttpProxyAgent, install, setGlobalDispatcher } = await import('undici');
  const noProxy = [except, ...OWN].join(',');
  setGlobalDispatcher(
    // Without a tunnel where none is needed: many proxies make one to the ports of https only.
    new EnvHttpProxyAgent({ httpProxy: httpProxy ?? '', httpsProxy, noProxy, proxyTunnel: false }),
  );
  install();
}

/** The small letters win, as with curl, and nothing is as good as not there. */
function valueIn(environment: Environment, name: string): string | undefined {
  const values = [environment[name], environment[name.toUpperCase()]];
  return values.find((value) => value !== undefined && value !== '');
}

/** Not a word of its value in the message: it may hold a password. */
function proxyIn(environment: Environment, name: string): string | undefined {
  const value = valueIn(environment, name);
  if (value === undefined) return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return address;
  throw new UsageError('USAGE', `${name.toUpperCase()} names no proxy that can be used`, {
    hint: 'Expected an address such as http://proxy.example.com:3128, or nothing.',
  });
}

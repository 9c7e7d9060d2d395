import { resolve } from 'node:path';
import type { Context } from '../pipeline/context.ts';
import { useProxies } from '../process/proxies.ts';
import type { Trust } from '../verify/trust.ts';
import { findOnGithub } from './github-offer.ts';
import type { Offer } from './offer.ts';
import type { FetchRequest } from './request.ts';
import { parseSource } from './source.ts';
import { openDirectory } from './sources/directory.ts';
import { openGithub } from './sources/github.ts';
import { openHttp } from './sources/http.ts';
import { findInTree } from './tree-offer.ts';
import { findInZip } from './zip-offer.ts';

/** Opens the source of a request and finds the wanted release in it. Throws UsageError, FetchError, VerifyError, FormatError. */
export async function findOffer(
  context: Context,
  request: FetchRequest,
  trust: Trust | undefined,
): Promise<Offer> {
  const source = parseSource(request.source);
  switch (source.kind) {
    case 'directory': {
      const path = resolve(context.projectDirectory, source.path);
      return findInTree(context, await openDirectory(path, source.name), request, trust);
    }
    case 'zip':
      return findInZip(context, resolve(context.projectDirectory, source.path), request);
    case 'http':
      await useProxies(context.environment);
      return findInTree(context, openHttp(source, context.signal), request, trust);
    case 'github': {
      await useProxies(context.environment);
      const releases = openGithub(source, context.environment, context.signal);
      return findOnGithub(context, releases, request, trust);
    }
  }
}

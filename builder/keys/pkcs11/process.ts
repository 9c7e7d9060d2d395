import { writeSync } from 'node:fs';
import { loadCryptoki, ModuleError, PackageMissingError } from './cryptoki.ts';
import type { Pkcs11Reply, Pkcs11Request } from './exchange.ts';
import { answer } from './token.ts';

// A process of its own for the vendor's module: one that hangs, crashes or prints cannot do it to us, and Ctrl-C always works.
// One request on stdin, one reply on descriptor 3 (exchange.ts). The PIN comes in the request: not argv, not the environment.

const REPLY_DESCRIPTOR = 3;

const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
const request = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Pkcs11Request;
writeSync(REPLY_DESCRIPTOR, JSON.stringify(await reply(request)));

async function reply(asked: Pkcs11Request): Promise<Pkcs11Reply> {
  try {
    return answer(await loadCryptoki(asked.module), asked);
  } catch (error) {
    if (error instanceof PackageMissingError) return { kind: 'package-missing' };
    if (error instanceof ModuleError) return { kind: 'module-unusable', reason: error.message };
    throw error;
  }
}

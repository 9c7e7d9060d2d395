import { hex } from '../errors/hex.ts';
import type { Finding } from './finding.ts';

/** A finding as one sentence: the file, what is wrong with it, and where. */
export function describeFinding({ file, message, offset }: Finding): string {
  const subject = file === undefined ? message : `${file}: ${message}`;
  return offset === undefined ? subject : `${subject} (at ${hex(offset)})`;
}

/** Findings as a list, a line each. */
export function describeFindings(findings: readonly Finding[]): string {
  return findings.map((finding) => `  - ${describeFinding(finding)}`).join('\n');
}

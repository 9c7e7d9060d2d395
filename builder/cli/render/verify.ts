import { errorsOf, type Check } from '../../verify/finding.ts';
import { describeFinding } from '../../verify/report.ts';
import type { Verification } from '../../verify/verify-path.ts';
import type { Output } from '../output.ts';
import { printable } from './printable.ts';

/** What --json prints: the same findings, digests in hex. */
export function verificationJson({
  name,
  kind,
  ok,
  checks,
  trust,
  signedBy,
}: Verification): unknown {
  return {
    ok,
    path: name,
    kind,
    trust:
      trust === undefined
        ? null
        : {
            file: trust.file,
            keys: trust.image.trustedKeys.map((key) => key.toString('hex')),
            manifestKeys: trust.manifest.trustedKeys.map((key) => key.toString('hex')),
          },
    signedBy,
    checks: checks.map(({ title, findings }) => ({
      title,
      ok: isOk({ title, findings }),
      findings,
    })),
  };
}

/** A checklist: every check with its findings below it, then the verdict and what it rests on. */
export function renderVerification(verification: Verification, output: Output): string {
  const { colours } = output;
  const lines = verification.checks.flatMap((check) => renderCheck(check, output));
  const verdict = verification.ok
    ? colours.green(`${verification.name} holds.`)
    : colours.red(`${verification.name} does not hold: do not use it.`);
  return [
    ...lines,
    '',
    verdict,
    ...describeRelease(verification),
    ...describeOrigin(verification),
  ].join('\n');
}

/** What it is that holds: a directory can have any name. */
function describeRelease({ manifest }: Verification): string[] {
  if (manifest === undefined) return [];
  const { board, variant, chip, version, secureVersion, createdAt } = manifest;
  const name = [board, variant, version].filter((part) => part !== undefined).join('-');
  return [
    printable(`It is ${name} for ${chip}, secure_version ${secureVersion}, of ${createdAt}.`),
  ];
}

function renderCheck(check: Check, { colours }: Output): string[] {
  const mark = isOk(check)
    ? check.absent === undefined
      ? colours.green('✓')
      : colours.dim('-')
    : colours.red('✗');
  const findings = check.findings.map((finding) =>
    finding.severity === 'error'
      ? `    ${colours.red('error:')} ${printable(describeFinding(finding))}`
      : `    ${colours.yellow('warning:')} ${printable(describeFinding(finding))}`,
  );
  const title =
    check.absent === undefined ? check.title : `${check.title}: ${colours.dim(check.absent)}`;
  return [`${mark} ${title}`, ...findings];
}

function describeOrigin({ trust, signedBy, manifest, checks }: Verification): string[] {
  if (signedBy.length === 0) {
    const what = hasUnprovedSignature(checks)
      ? 'No signature of it was proved'
      : 'It is not signed';
    return [`${what}: nothing proves who made it.`];
  }
  const development = new Set(
    (manifest?.signing?.keys ?? [])
      .filter((key) => key.development === true)
      .map(({ digest }) => digest),
  );
  const keys = signedBy.map(
    (digest) => `  ${digest}${development.has(digest) ? ' (development key)' : ''}`,
  );
  const origin =
    trust === undefined
      ? 'Signed by the keys below. No trust file was given (--trust), so this proves integrity, not who signed.'
      : `Signed by the keys below, held against ${trust.file}.`;
  return [origin, ...keys];
}

/** Whether something in the place of a signature was found, and found wanting. */
function hasUnprovedSignature(checks: readonly Check[]): boolean {
  return errorsOf(checks).some(
    ({ code }) => code.startsWith('SIGNATURE_') && code !== 'SIGNATURE_MISSING',
  );
}

function isOk({ findings }: Check): boolean {
  return findings.every(({ severity }) => severity !== 'error');
}

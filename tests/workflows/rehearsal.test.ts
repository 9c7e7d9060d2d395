import { execFileSync, spawnSync } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, MAIN } from '../support/cli.ts';
import { startFakeGitHub, type FakeGitHub } from '../support/fake-github.ts';
import { makeRelease } from '../support/firmware.ts';
import { isMissing } from '../support/oracle.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { expandAll, runJob, type JobResult, type Runner } from './runner.ts';
import { workflowNamed } from './workflows.ts';

const PROJECT = join(dirname(MAIN), '..');
/** One signs with RSA; the other's chip has ECDSA only. */
const BOARDS = ['ESP32_GENERIC', 'ESP32_GENERIC_C2'] as const;
const TAG = 'v1.2.3';
const RSA = aPrivateKey('rsa3072', 'workflow');
const ECDSA = aPrivateKey('ecdsa256', 'workflow');
const SECRETS = {
  OTA_BUILD_SIGNING_KEY_RSA3072: privatePem(RSA),
  OTA_BUILD_SIGNING_KEY_ECDSA256: privatePem(ECDSA),
};

const image = workflowNamed('_image.yml');
const release = workflowNamed('release.yml');

/** The release workflow on a checkout of this project with two boards, whose firmware is made up instead of compiled. */
class Rehearsal {
  readonly runner: Runner;
  readonly needs: Record<string, JobResult>;

  private constructor(runner: Runner, needs: Readonly<Record<string, JobResult>>) {
    this.runner = runner;
    this.needs = { ...needs };
  }

  static async start(boards: readonly string[] = BOARDS): Promise<Rehearsal> {
    const work = await createWorkspace();
    const checkout = work.path('checkout');
    for (const part of [
      'dist',
      'firmware',
      'package.json',
      'CHANGELOG.md',
      'keys/README.md',
      'builder',
    ])
      await cp(join(PROJECT, part), join(checkout, part), { recursive: true });
    for (const board of boards) {
      const profile = `profiles/${board}.yaml`;
      await cp(join(PROJECT, profile), join(checkout, profile));
      const firmware = makeRelease({ chip: chipOf(board), appSize: 0x10000 });
      await writeFile(join(checkout, `${board}.bin`), firmware);
    }
    await writeFile(join(checkout, 'keys/rsa.pub.pem'), publicPem(RSA));
    await writeFile(join(checkout, 'keys/ecdsa.pub.pem'), publicPem(ECDSA));
    const keys = ['keys/rsa.pub.pem', 'keys/ecdsa.pub.pem'];
    execFileSync(process.execPath, [MAIN, 'keys', 'trust', 'add', ...keys, '--quiet'], {
      cwd: checkout,
    });
    await work.write('bin/gh', '#!/bin/sh\necho "gh $*"\n', 0o755);
    const git = (...args: readonly string[]): string =>
      execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.com', ...args], {
        cwd: checkout,
        encoding: 'utf8',
      }).trim();
    git('init', '--quiet', '--initial-branch=main');
    git('add', '--all', '--force');
    git('commit', '--quiet', '--message=all');
    const environment = {
      ...{ GITHUB_ACTIONS: 'true', CI: 'true', GITHUB_REF_NAME: TAG },
      GITHUB_SHA: git('rev-parse', 'HEAD'),
      GITHUB_REPOSITORY: 'acme/firmware',
      PATH: `${work.path('bin')}:${process.env['PATH'] ?? ''}`,
    };
    return new Rehearsal({ directory: work.directory, checkout, environment }, {});
  }

  /** The same run as it is now, in another place: what becomes of it is not seen here. */
  async copy(github: FakeGitHub): Promise<Rehearsal> {
    const { directory } = await createWorkspace();
    await cp(join(this.runner.directory, 'artifacts'), join(directory, 'artifacts'), {
      recursive: true,
    });
    const commit = this.runner.environment['GITHUB_SHA'] ?? '';
    github.branches.set('main', commit);
    github.tags.set(TAG, commit);
    const environment = { ...this.runner.environment, GITHUB_API_URL: github.apiUrl };
    return new Rehearsal({ ...this.runner, directory, environment }, this.needs);
  }

  /** A run of the same checkout for another tag, of which nothing has happened yet. */
  anew(tag: string): Rehearsal {
    const environment = { ...this.runner.environment, GITHUB_REF_NAME: tag };
    return new Rehearsal({ ...this.runner, environment }, {});
  }

  async job(name: string, context: Readonly<Record<string, unknown>> = {}): Promise<JobResult> {
    const run = { workflow: release, job: name, context: { needs: this.needs, ...context } };
    return (this.needs[name] = await runJob(this.runner, run));
  }

  /** The job of the called workflow, with firmware that is there. */
  async image(matrix: Entry): Promise<JobResult> {
    const called = image.on['workflow_call'] as {
      readonly inputs: Readonly<Record<string, { readonly default?: unknown }>>;
    };
    const defaults = Object.entries(called.inputs).map(([name, input]) => [name, input.default]);
    const inputs: Readonly<Record<string, unknown>> = {
      ...(Object.fromEntries(defaults) as Readonly<Record<string, unknown>>),
      ...expandAll(release.jobs['image']?.with, { matrix }),
      firmware: `${matrix['board'] ?? ''}.bin`,
    };
    const job = { workflow_repository: 'acme/ota-build', workflow_sha: 'a'.repeat(40) };
    return runJob(this.runner, { workflow: image, job: 'image', context: { inputs, job } });
  }

  get matrix(): readonly Entry[] {
    const { include } = JSON.parse(this.needs['plan']?.outputs['matrix'] ?? '') as {
      readonly include: readonly Entry[];
    };
    return include;
  }

  get artifacts(): string {
    return join(this.runner.directory, 'artifacts');
  }
}

type Entry = Readonly<Record<string, string>>;

const STEM = 'ESP32_GENERIC-1.2.3';
const RELEASE = `release-${STEM}`;

/** What somebody could do to artifacts between the jobs. */
const TAMPERED: Readonly<Record<string, (artifacts: string) => Promise<void>>> = {
  'a release in the place of another': async (artifacts) => {
    const to = join(artifacts, 'release-ESP32_GENERIC_C2-1.2.3', 'ESP32_GENERIC_C2-1.2.3');
    await cp(join(artifacts, RELEASE, STEM), to, { recursive: true });
  },
  'an app that was changed': async (artifacts) => {
    const app = join(artifacts, RELEASE, STEM, `${STEM}.app-bin`);
    const bytes = await readFile(app);
    bytes[0x2000] = (bytes[0x2000] ?? 0) ^ 1;
    await writeFile(app, bytes);
  },
  'a file that nobody listed': (artifacts) =>
    writeFile(join(artifacts, RELEASE, STEM, 'more'), 'more'),
  'a release that nobody planned': (artifacts) =>
    cp(join(artifacts, RELEASE), join(artifacts, 'release-OTHER-1.2.3'), { recursive: true }),
  'what another tool would sign': (artifacts) =>
    writeFile(join(artifacts, 'tool', 'ota-build.tgz'), 'another'),
  'what other keys would be trusted for': (artifacts) =>
    writeFile(join(artifacts, 'tool', 'trust.yaml'), 'schema: 2\nkeys: []\n'),
};

describe.skipIf(isMissing(hasJq() ? 'jq' : undefined, 'jq'))(
  'the release workflow, its scripts run as they are (skipped without jq)',
  () => {
    let planned: Rehearsal;

    beforeAll(async () => {
      planned = await Rehearsal.start();
      await planned.job('plan');
      for (const matrix of planned.matrix) await planned.image(matrix);
    });

    test('plans a job for each board, with the scheme that its chip has', () => {
      expect(planned.matrix.map(({ board, scheme }) => [board, scheme])).toEqual([
        ['ESP32_GENERIC', 'rsa3072'],
        ['ESP32_GENERIC_C2', 'ecdsa256'],
      ]);
    });

    test('brings a tag to a GitHub release that was fetched and verified', async () => {
      const github = await startFakeGitHub();
      const rehearsal = await planned.copy(github);
      const token = { github: { token: github.token } };
      await rehearsal.job('preflight', token);
      const { outputs, summary } = await rehearsal.job('sign', { secrets: SECRETS });
      expect(outputs['digest']).toMatch(/^[0-9a-f]{64}$/);
      expect(summary).toContain('ESP32_GENERIC_C2');
      for (const matrix of rehearsal.matrix) await rehearsal.job('attest', { matrix });
      await rehearsal.job('publish', token);
      expect(github.published(TAG)?.assets.map(({ name }) => name)).toContain(`${STEM}.app-bin`);
      const { log } = await rehearsal.job('verify', token);
      expect(log.match(/^gh attestation verify fetched\//gm)).toHaveLength(2);
      const said = Object.values(rehearsal.needs).map((each) => each.log + each.summary);
      expect(said.join('')).not.toContain(github.token);
      for (const key of Object.values(SECRETS))
        expect(said.join('')).not.toContain(key.split('\n')[1]);
    });

    test.each(Object.keys(TAMPERED))('does not sign %s', async (what) => {
      const rehearsal = await planned.copy(await startFakeGitHub());
      await TAMPERED[what]?.(rehearsal.artifacts);
      await expect(rehearsal.job('sign', { secrets: SECRETS })).rejects.toThrow(/^a script ended/);
      expect(await readdir(rehearsal.artifacts)).not.toContain('signed');
    });

    test('signs the release of a project with one board, whose artifact has no directory', async () => {
      const small = await Rehearsal.start(['ESP32_GENERIC']);
      await small.job('plan');
      for (const matrix of small.matrix) await small.image(matrix);
      await small.job('sign', { secrets: SECRETS });
      expect(await readdir(join(small.artifacts, 'signed'))).toEqual([STEM]);
    });

    test.each(['vNext', 'v1.2', 'v1.2.3_4'])(
      'builds nothing for the tag %s, which names no channel',
      async (tag) => {
        await expect(planned.anew(tag).job('plan')).rejects.toThrow(
          `${tag} is no version such as v1.2.3`,
        );
      },
    );

    test('says which key is not there', async () => {
      const rehearsal = await planned.copy(await startFakeGitHub());
      const secrets = { OTA_BUILD_SIGNING_KEY_RSA3072: SECRETS.OTA_BUILD_SIGNING_KEY_RSA3072 };
      await expect(rehearsal.job('sign', { secrets })).rejects.toThrow(
        /ESP32_GENERIC_C2-1\.2\.3 is to be signed with ecdsa256.*OTA_BUILD_SIGNING_KEY_ECDSA256/,
      );
    });

    test('ends before anything is built where the token may not publish', async () => {
      const github = await startFakeGitHub({ canWrite: false });
      const rehearsal = await planned.copy(github);
      await expect(rehearsal.job('preflight', { github: { token: github.token } })).rejects.toThrow(
        /does not let this token write releases/,
      );
      expect(release.jobs['image']?.needs).toContain('preflight');
    });
  },
);

function hasJq(): boolean {
  return spawnSync('jq', ['--version']).status === 0;
}

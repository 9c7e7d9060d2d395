import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { minVersion, satisfies } from 'semver';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const BUILDER = join(ROOT, 'builder');

/** Packages and the one file that may import each; commander's types are needed by every command file. */
const IMPORTERS: Readonly<Record<string, RegExp>> = {
  '@commander-js/extra-typings': /^cli\/(program|require-verb|commands\/[a-z-]+)\.ts$/,
  zod: /^schema\/schema\.ts$/,
  yaml: /^schema\/yaml-file\.ts$/,
};

type Import = { readonly from: string; readonly specifier: string; readonly isTypeOnly: boolean };

/** A source file: its path in builder/ with forward slashes, and its text. */
const FILES = filesIn(BUILDER).map((path) => ({
  path: relative(BUILDER, path).split(sep).join('/'),
  text: readFileSync(path, 'utf8'),
}));

/** Every import and re-export, static, dynamic and of types; relative ones as paths in builder/. */
const IMPORTS = FILES.flatMap(({ path, text }) => importsOf(path, text));

function filesIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(from: string, text: string): Import[] {
  const code = withoutComments(text);
  const statements = code.matchAll(
    /\b(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]+?\sfrom\s+)?['"]([^'"]+)['"]/g,
  );
  const dynamic = code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g);
  return [
    ...[...statements].map(([, type, specifier = '']) => ({
      specifier,
      isTypeOnly: type !== undefined,
    })),
    ...[...dynamic].map(([, specifier = '']) => ({ specifier, isTypeOnly: false })),
  ].map(({ specifier, isTypeOnly }) => ({
    from,
    specifier: specifier.startsWith('.')
      ? join(dirname(from), specifier).split(sep).join('/')
      : specifier,
    isTypeOnly,
  }));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

const roomOf = (path: string): string => path.split('/')[0] ?? '';
const isLocal = (specifier: string): boolean => specifier.endsWith('.ts');
const isNode = (specifier: string): boolean => specifier.startsWith('node:');
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** `a.ts imports b.ts` of every import that breaks a rule: what a failed test shows. */
const broken = (breaks: (each: Import) => boolean): string[] =>
  IMPORTS.filter(breaks).map(({ from, specifier }) => `${from} imports ${specifier}`);

describe('the house', () => {
  test('is read whole: this test sees the imports that it judges', () => {
    expect(FILES.length).toBeGreaterThan(80);
    expect(IMPORTS).toContainEqual({
      from: 'pipeline/release.ts',
      specifier: 'sign/stage.ts',
      isTypeOnly: false,
    });
    expect(IMPORTS).toContainEqual({
      from: 'keys/signer.ts',
      specifier: 'node:crypto',
      isTypeOnly: true,
    });
    expect(
      IMPORTS.some(({ from, specifier }) => from === 'main.ts' && specifier === 'cli/program.ts'),
    ).toBe(true);
  });

  test('has no import of a file that is not there', () => {
    const paths = new Set(FILES.map(({ path }) => path));
    expect(broken(({ specifier }) => isLocal(specifier) && !paths.has(specifier))).toEqual([]);
  });

  test.each(['format', 'chip'])(
    'keeps %s/ pure: it imports errors/, itself and node only',
    (room) => {
      const allowed = new Set([room, 'errors']);
      const nodeModules = new Set(['node:crypto', 'node:zlib', 'node:buffer']);
      expect(
        broken(({ from, specifier }) => {
          if (roomOf(from) !== room) return false;
          return isLocal(specifier) ? !allowed.has(roomOf(specifier)) : !nodeModules.has(specifier);
        }),
      ).toEqual([]);
    },
  );

  test('keeps errors/ below everything', () => {
    expect(
      broken(({ from, specifier }) => roomOf(from) === 'errors' && roomOf(specifier) !== 'errors'),
    ).toEqual([]);
  });

  test('joins its stages in pipeline/release.ts only', () => {
    expect(
      broken(
        ({ from, specifier, isTypeOnly }) =>
          specifier !== 'pipeline/stage.ts' &&
          specifier.endsWith('/stage.ts') &&
          from !== 'pipeline/release.ts' &&
          !(isTypeOnly && roomOf(from) === 'cli'),
      ),
    ).toEqual([]);
  });

  test('keeps verify/ a second opinion: nothing of sign/, keys/ or node-forge, near or far', () => {
    const reached = reachableFrom(
      FILES.filter(({ path }) => roomOf(path) === 'verify').map(({ path }) => path),
    );
    const forbidden = [...reached].filter(
      (path) => path === 'node-forge' || (['sign', 'keys'].includes(roomOf(path)) && isLocal(path)),
    );
    expect(forbidden).toEqual([]);
    expect(
      broken(
        ({ from, specifier }) =>
          roomOf(from) === 'verify' && /^(sign|keys)\/|^node-forge$/.test(specifier),
      ),
    ).toEqual([]);
  });

  test('lets only the command line know the terminal', () => {
    expect(
      broken(
        ({ from, specifier }) =>
          roomOf(specifier) === 'cli' &&
          isLocal(specifier) &&
          roomOf(from) !== 'cli' &&
          from !== 'main.ts',
      ),
    ).toEqual([]);
  });
});

/** Everything that running these files loads: files and packages, not what is imported for its types. */
function reachableFrom(start: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>(start);
  for (const path of reached) {
    for (const { from, specifier, isTypeOnly } of IMPORTS)
      if (from === path && !isTypeOnly) reached.add(specifier);
  }
  return reached;
}

describe('a package', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
    optionalDependencies: Readonly<Record<string, string>>;
  };
  const dependencies = { ...manifest.dependencies, ...manifest.optionalDependencies };
  const packages = IMPORTS.filter(({ specifier }) => !isLocal(specifier) && !isNode(specifier));

  test.each(Object.keys(dependencies).filter((name) => name !== 'commander'))(
    '%s has one importer',
    (name) => {
      const importers = new Set(
        packages.filter(({ specifier }) => packageOf(specifier) === name).map(({ from }) => from),
      );
      const place = IMPORTERS[name];
      if (place === undefined) expect([...importers]).toHaveLength(1);
      else for (const importer of importers) expect(importer).toMatch(place);
    },
  );

  test('that npm installs runs on the oldest Node.js that we name', () => {
    const { packages: locked } = JSON.parse(
      readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
    ) as { packages: Readonly<Record<string, { engines?: { node?: string } }>> };
    const oldest = minVersion(locked['']?.engines?.node ?? '')?.version ?? '';
    expect(oldest).toMatch(/^20\./);
    const tooNew = Object.entries(locked).filter(
      ([, { engines }]) => engines?.node !== undefined && !satisfies(oldest, engines.node),
    );
    expect(tooNew.map(([name]) => name)).toEqual([]);
  });

  test('that is imported is a dependency', () => {
    const names = new Set(packages.map(({ specifier }) => packageOf(specifier)));
    expect([...names].filter((name) => !(name in dependencies))).toEqual([]);
  });
});

describe('every file', () => {
  test('leaves the process to main.ts', () => {
    const offenders = FILES.filter(
      ({ path, text }) =>
        path !== 'main.ts' &&
        /\bprocess\s*\.\s*(exit|exitCode|abort|on|once|addListener)\b/.test(withoutComments(text)),
    );
    expect(offenders.map(({ path }) => path)).toEqual([]);
  });

  test('has at most 300 lines that are not blank', () => {
    const long = FILES.filter(
      ({ text }) => text.split('\n').filter((line) => line.trim() !== '').length > 300,
    );
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test('has a name in kebab case', () => {
    expect(
      FILES.map(({ path }) => path).filter((path) => !/^([a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(path)),
    ).toEqual([]);
  });
});

describe('every command', () => {
  const cliTests = filesIn(join(ROOT, 'tests', 'cli')).map((path) => readFileSync(path, 'utf8'));
  const verbs = FILES.flatMap(({ path, text }) =>
    path.startsWith('cli/commands/')
      ? [...text.matchAll(/\.command\(\s*'([a-z-]+)'/g)].map(([, verb = '']) => verb)
      : [],
  );

  test('is found', () => {
    expect(verbs).toEqual(expect.arrayContaining(['build', 'plan', 'verify', 'inspect', 'keys']));
  });

  test.each(verbs)('%s has a test that runs it', (verb) => {
    expect(cliTests.some((text) => text.includes(`'${verb}'`))).toBe(true);
  });
});

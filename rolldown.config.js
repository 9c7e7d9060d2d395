import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'rolldown';

// One bundle, because a command line is judged by how fast it starts: loading a thousand small files took longer than
// making a release. The packages stay in `dependencies`, so that audits of those who install us see them.
const program = defineConfig({
  // A PKCS#11 module runs in a process of its own.
  input: { main: 'builder/main.ts', 'pkcs11-process': 'builder/keys/pkcs11/process.ts' },
  // koffi is native and optional; the other is what the CycloneDX library would write XML with, and does without.
  external: ['koffi', 'xmlbuilder2'],
  platform: 'node',
  tsconfig: false,
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // Names stay: errors are known by the name of their class, and stack traces are read by people.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: false } },
  },
  plugins: [thirdPartyNotices()],
});

// What a published page loads in a browser: `publish` copies it beside the releases, so that no page needs a server of others.
const page = defineConfig({
  input: { page: 'builder/publish/page/browser/page.ts' },
  platform: 'browser',
  tsconfig: false,
  // A browser cannot resolve the name of a package: what was not found would only be missed when the button is pressed.
  onLog(level, log, handle) {
    handle(log.code === 'UNRESOLVED_IMPORT' ? 'error' : level, log);
  },
  output: {
    dir: 'dist/web',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    minify: true,
    cleanDir: true,
  },
  plugins: [thirdPartyNotices()],
});

export default [program, page];

/** Writes the licences of everything that was bundled beside it, as those licences ask. */
function thirdPartyNotices() {
  return {
    name: 'third-party-notices',
    generateBundle() {
      const folders = new Set(
        [...this.getModuleIds()].map(packageFolder).filter((folder) => folder !== undefined),
      );
      const notices = [...folders].sort().map((folder) => {
        const { name, version, license } = JSON.parse(
          readFileSync(join(folder, 'package.json'), 'utf8'),
        );
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
        const text =
          file === undefined
            ? `Licensed under ${license}.`
            : readFileSync(join(folder, file), 'utf8').trim();
        return `${name} ${version} (${license})\n\n${text}\n`;
      });
      this.emitFile({
        type: 'asset',
        fileName: 'THIRD-PARTY-NOTICES.txt',
        source: notices.join(`\n${'-'.repeat(80)}\n\n`),
      });
    },
  };
}

function packageFolder(id) {
  const match = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(
    id.replace(/^\0/, ''),
  );
  return match?.[1];
}

import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The variable that names a Chromium elsewhere. */
export const BROWSER_VARIABLE = 'OTA_BUILD_CHROMIUM';

/** A Chromium on this machine; undefined when there is none. With oracles required, its absence is an error. */
export function findBrowser(): string | undefined {
  const named = process.env[BROWSER_VARIABLE];
  const found = [...(named === undefined ? [] : [named]), ...PLACES].find((path) =>
    existsSync(path),
  );
  if (found === undefined && process.env['OTA_BUILD_REQUIRE_ORACLES'] !== undefined)
    throw new Error(`tests/page needs Chromium: install it, or name it in ${BROWSER_VARIABLE}`);
  return found;
}

/** Starts it without a window. Chromium has no sandbox for root. */
export function startBrowser(executablePath: string): Promise<Browser> {
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args });
}

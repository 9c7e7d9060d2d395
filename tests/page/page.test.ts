import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pageFiles } from '../../builder/publish/page/page-files.ts';
import type { PageInput } from '../../builder/publish/page/page-input.ts';
import { webAssets } from '../../builder/publish/page/web-assets.ts';
import { BROWSER_VARIABLE, findBrowser, startBrowser } from '../support/browser.ts';
import { aManifest, aPageInput } from '../support/pages.ts';
import { serve } from '../support/static-server.ts';

const executable = findBrowser();
if (executable === undefined)
  console.log(`tests/page: skipped, there is no Chromium (${BROWSER_VARIABLE} can name one)`);

const BOARD = 'ESP32_GENERIC';
const BUTTON = 'esp-web-install-button';

/** What went wrong while a page was open, and the addresses that it asked for. */
type Opened = { readonly page: Page; readonly problems: string[]; readonly asked: string[] };

describe.skipIf(executable === undefined)('the page of a board in Chromium', () => {
  const closers: (() => void)[] = [];
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser(executable ?? '');
  });

  afterAll(async () => {
    await browser.close();
    for (const close of closers) close();
  });

  async function open(
    input: PageInput,
    prepare?: (page: Page) => Promise<unknown>,
  ): Promise<Opened> {
    const files = new Map<string, Uint8Array>();
    for (const { file, bytes } of pageFiles(input)) files.set(`${BOARD}/${file}`, bytes);
    for (const { file, bytes } of await webAssets()) files.set(file, bytes);
    const { url, close } = await serve(files);
    closers.push(close);
    const page = await browser.newPage();
    const problems: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('dialog', (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!request.url().startsWith('data:')) asked.push(request.url());
    });
    page.on('requestfailed', (request) => problems.push(`failed: ${request.url()}`));
    await prepare?.(page);
    await page.goto(`${url}/${BOARD}/index.html`, { waitUntil: 'networkidle' });
    expect(asked.filter((each) => !each.startsWith(url))).toEqual([]);
    return { page, problems, asked };
  }

  const evaluate = <T>(page: Page, code: string): Promise<T> => page.evaluate<T>(code);

  test('renders without errors, with a button for each channel, whose manifests load', async () => {
    const beta = aManifest({ version: '1.3.0-beta.1' });
    const { page, problems } = await open(aPageInput(['beta', beta], ['stable', aManifest()]));
    expect(problems).toEqual([]);
    expect(await page.title()).toBe(`${BOARD}: firmware releases`);
    const found = await evaluate<{ version: string; visible: boolean }[]>(
      page,
      `Promise.all([...document.querySelectorAll('${BUTTON}')].map(async (button) => ({
        version: (await (await fetch(button.getAttribute('manifest'))).json()).version,
        visible: button.querySelector('button').getClientRects().length > 0,
      })))`,
    );
    expect(found).toEqual([
      { version: '1.2.3', visible: true },
      { version: '1.3.0-beta.1', visible: true },
    ]);
  });

  test('opens the install dialog of esp-web-tools, from its own scripts, with the name and version of the release', async () => {
    const { page, problems } = await open(aPageInput(['stable', aManifest()]), (each) =>
      each.addInitScript(`navigator.serial.requestPort = async () => Object.assign(new EventTarget(), {
        open: async () => {}, close: async () => {}, getInfo: () => ({}), setSignals: async () => {},
        readable: new ReadableStream(), writable: new WritableStream(),
      });`),
    );
    await page.click(`${BUTTON} button`);
    const dialog = page.locator('ewt-install-dialog');
    await dialog.getByText(`Install ${BOARD}`).waitFor();
    expect(problems).toEqual([]);
  });

  test('shows commands with the address that it was loaded from', async () => {
    const { page } = await open(aPageInput(['stable', aManifest()]));
    const root = new URL('..', page.url()).href;
    const text = await evaluate<string>(page, 'document.body.innerText');
    expect(text).toContain(`npx ota-build fetch ${root} --board ${BOARD}`);
    expect(text).toContain(`ota.update.from_json("${root}${BOARD}/stable.json")`);
  });

  test('says so where the browser has no Web Serial', async () => {
    const { page, problems } = await open(aPageInput(['stable', aManifest()]), (each) =>
      each.addInitScript(`delete Navigator.prototype.serial`),
    );
    expect(problems).toEqual([]);
    const text = await evaluate<string>(page, 'document.body.innerText');
    expect(text).toContain('This browser has no Web Serial');
    expect(text).not.toContain('Install 1.2.3 (stable)');
  });

  test('is no wider than a phone', async () => {
    const { page } = await open(aPageInput(['stable', aManifest()]));
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await evaluate<number>(page, 'document.documentElement.scrollWidth')).toBe(360);
  });

  test('keeps hostile names inert', async () => {
    const hostile = `"><img src=x onerror=alert(1)><script>alert(2)</script>'`;
    const base = aManifest();
    const manifest = aManifest({
      board: hostile,
      version: hostile,
      projectName: hostile,
      source: { kind: 'drill', file: hostile, sha256: hostile },
      warnings: [{ code: hostile, message: hostile }],
      partitions: base.partitions.map((each) => ({ ...each, name: hostile })),
    });
    const installable = { ...manifest, source: base.source };
    for (const each of [manifest, installable]) {
      const input = aPageInput([hostile, each]);
      const { page, problems } = await open(input);
      expect(problems).toEqual([]);
      expect(await evaluate<number>(page, `document.querySelectorAll('img, script').length`)).toBe(
        1,
      );
      expect(await page.title()).toBe(`${hostile}: firmware releases`);
    }
  });
});

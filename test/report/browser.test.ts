import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderReport } from '../../report/report.ts';
import { HOSTILE, sampleInput } from './sample.ts';

const CHROMIUM = process.env.FEWLABELS_CHROMIUM ?? '/usr/bin/chromium';
const isThere = existsSync(CHROMIUM);
const isCi = process.env.CI === 'true';
if (!isThere && !isCi)
  process.stderr.write(`SKIPPED: the report in a browser, as there is no Chromium at ${CHROMIUM} (name yours in FEWLABELS_CHROMIUM)\n`);

describe.skipIf(!isThere && !isCi)('the report in a browser', () => {
  let browser: Awaited<ReturnType<typeof chromium.launch>>;
  let url: string;
  beforeAll(async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-test-')), 'report.html');
    await writeFile(file, await renderReport(sampleInput()));
    url = pathToFileURL(file).href;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(options: Parameters<typeof browser.newPage>[0] = {}) {
    const page = await browser.newPage(options);
    const requests: string[] = [];
    const troubles: string[] = [];
    page.on('request', (request) => request.url().startsWith('data:') || requests.push(request.url()));
    page.on('console', (message) => troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(error.message));
    await page.goto(url);
    return { page, requests, troubles };
  }

  test('renderReport: hostile names run no script, and nothing is fetched', async () => {
    const { page, requests, troubles } = await open();
    expect(await page.title()).toBe('blood-cells: report');
    expect(await page.locator('script').count()).toBe(0);
    expect(await page.getByText(HOSTILE).count()).toBeGreaterThan(2);
    expect(requests).toEqual([url]);
    expect(troubles).toEqual([]);
  });

  test('renderReport: the table holds the numbers', async () => {
    const { page } = await open();
    const rows = await page
      .locator('table.accuracy tbody tr')
      .evaluateAll((found) => found.map((row) => (row.textContent ?? '').replaceAll(/\s+/g, ' ')));
    expect(rows.map((row) => row.replaceAll(' ', ''))).toEqual([
      '5%150352.0±2.0%71.0±1.0%70.5±1.0%',
      '25%750273.0±1.4%81.0±1.4%80.5±0.7%',
      '100%3,000186.8%88.3%88.0%',
    ]);
  });

  test('renderReport: plots, matrix and images are there and have a size', async () => {
    const { page } = await open();
    expect(await page.locator('svg.plot').count()).toBe(4);
    expect(await page.locator('table.confusion tbody tr').count()).toBe(6);
    const broken = await page
      .locator('figure img')
      .evaluateAll((images) => images.filter((image) => (image as { naturalWidth?: number }).naturalWidth !== 32).length);
    expect([await page.locator('figure').count(), broken]).toEqual([14, 0]);
  });

  test('renderReport: on a phone nothing is wider than the screen', async () => {
    const { page } = await open({ viewport: { width: 360, height: 740 } });
    expect(await page.locator('html').evaluate((root) => root.scrollWidth)).toBeLessThanOrEqual(360);
  });

  test('renderReport: on a phone the tables of the models fit without scrolling', async () => {
    const { page } = await open({ viewport: { width: 390, height: 844 } });
    for (const table of ['table.accuracy', 'table.measures', 'table.classes']) {
      const [whole, seen] = await page.locator(`.scroll:has(${table})`).evaluate((box) => [box.scrollWidth, box.clientWidth]);
      expect([table, Number(whole) <= Number(seen)]).toEqual([table, true]);
    }
  });

  test('renderReport: measures by model, with their intervals', async () => {
    const { page } = await open();
    const texts = await page.locator('table.measures tbody tr').allInnerTexts();
    expect(texts).toHaveLength(6);
    expect(texts[0]?.split(/\s*[\n\t]\s*/)).toEqual(expect.arrayContaining(['right', '88.0 %', '85.4–90.5 %']));
  });
});

import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ReportInput, renderReport } from '../../report/report.ts';
import { HOSTILE, sampleInput } from './sample.ts';

const CHROMIUM = process.env.FEWLABELS_CHROMIUM ?? '/usr/bin/chromium';
const isThere = existsSync(CHROMIUM);
const isCi = process.env.CI === 'true';
if (!isThere && !isCi)
  process.stderr.write(`SKIPPED: the report in a browser, as there is no Chromium at ${CHROMIUM} (name yours in FEWLABELS_CHROMIUM)\n`);

describe.skipIf(!isThere && !isCi)('the report in a browser', () => {
  let browser: Awaited<ReturnType<typeof chromium.launch>>;
  let url: string;
  let widest: string;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
    const written = async (name: string, input: ReportInput) => {
      await writeFile(join(folder, name), await renderReport(input));
      return pathToFileURL(join(folder, name)).href;
    };
    url = await written('report.html', sampleInput());
    const input = sampleInput();
    const classifiers = input.scores.filter(({ model }) => model === 'classifier');
    const others = (['knn', 'probe', 'smallBaseline'] as const).flatMap((model) => classifiers.map((score) => ({ ...score, model })));
    widest = await written('widest.html', { ...input, scores: [...input.scores, ...others] });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(options: Parameters<typeof browser.newPage>[0] = {}, address = url) {
    const page = await browser.newPage(options);
    const requests: string[] = [];
    const troubles: string[] = [];
    page.on('request', (request) => request.url().startsWith('data:') || requests.push(request.url()));
    page.on('console', (message) => troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(error.message));
    await page.goto(address);
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
      '5%150352.0%±2.071.0%±1.070.5%±1.0',
      '25%750273.0%±1.481.0%±1.480.5%±0.7',
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

  test.each([1100, 390])('renderReport: all six models with several draws fit beside each other on %i px', async (width) => {
    const { page } = await open({ viewport: { width, height: 844 } }, widest);
    expect(await page.locator('table.accuracy thead .dot').count()).toBe(6);
    const [whole, seen] = await page.locator('.scroll:has(table.accuracy)').evaluate((box) => [box.scrollWidth, box.clientWidth]);
    expect(whole).toBeLessThanOrEqual(Number(seen));
  });

  test('renderReport: measures by model, with their intervals', async () => {
    const { page } = await open();
    const texts = await page.locator('table.measures tbody tr').allInnerTexts();
    expect(texts).toHaveLength(6);
    expect(texts[0]?.split(/\s*[\n\t]\s*/)).toEqual(expect.arrayContaining(['right', '88.0 %', '85.4–90.5 %']));
  });
});

// Pages of the explorer in a browser, in one form such as dark,zh-CN,360:
// node explorer_pages.mjs CHROMIUM ADDRESS PATHS_AS_JSON FORM [FOLDER_FOR_PICTURES]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [program, base, paths, form, folder] = process.argv.slice(2);
const [colorScheme, locale, width] = form.split(",");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const line = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });

const context = await browser.newContext({
  viewport: { width: Number(width), height: 800 }, colorScheme, locale, bypassCSP: true,
});
const page = await context.newPage();
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
for (const path of JSON.parse(paths)) {
  const name = `${path} ${colorScheme} ${locale} ${width}`;
  try {
    const answer = await page.goto(base + path);
    const [inner, outer] = await page.evaluate(
      () => [document.documentElement.scrollWidth, innerWidth],
    );
    await page.addScriptTag({ content: axe });
    const found = await page.evaluate(() => globalThis.axe.run());
    const report = found.violations.map((v) => `${v.id}: ${v.nodes[0].html}`);
    if (answer.status() >= 500) report.push(`status ${answer.status()}`);
    if (inner > outer) report.push(`it is ${inner} pixels wide`);
    const broken = await page.evaluate(() => [...document.querySelectorAll(".cards b")]
      .filter((each) => each.getClientRects().length > 1).map((each) => each.textContent));
    if (broken.length) report.push(`broken over lines: ${broken.join("; ")}`);
    report.push(...problems.splice(0));
    if (folder) {
      const file = `${path.replaceAll(/[^a-z0-9]+/gi, "_").slice(0, 40)}-${colorScheme}-${locale}`;
      await page.screenshot({ path: `${folder}/${file}.png`, fullPage: true });
    }
    line({ name, ok: report.length === 0, detail: report.join("\n") });
  } catch (error) {
    line({ name, ok: false, detail: String(error?.stack ?? error) });
  }
}
await context.close();
await browser.close();
line({ done: true });

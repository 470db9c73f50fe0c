// The pictures of docs/explorer.md: node explorer_pictures.mjs CHROMIUM ADDRESS FOLDER JOB
//
// A line of JSON for each, with its bytes.
import { statSync } from "node:fs";
import { chromium } from "playwright-core";

const [program, base, folder, job] = process.argv.slice(2);
const PICTURES = [
  // name, path, theme, width, greatest height
  ["home", "", "light", 1100, 900],
  ["job", `job/${job}`, "light", 1100, 1500],
  ["referendum", "referendum/0", "light", 1100, 1100],
  ["market", "market/0", "light", 1100, 1300],
  ["tokenomics", "tokenomics", "dark", 1100, 1020],
];
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
for (const [name, path, colorScheme, width, most] of PICTURES) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, locale: "en" });
  const page = await context.newPage();
  const answer = await page.goto(base + path);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const file = `${folder}/${name}.png`;
  await page.screenshot({
    path: file, fullPage: true, clip: { x: 0, y: 0, width, height: Math.min(height, most) },
  });
  process.stdout.write(`${JSON.stringify({ name, status: answer.status(), bytes: statSync(file).size })}\n`);
  await context.close();
}
await browser.close();

// The explorer's pages in a browser: node explorer.mjs CHROMIUM ADDRESS NODE_HTTP some|all
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [program, base, node, amount] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = [
  "", "blocks", "block/2", "txs", "tx/1-1", "tx/2-1", "tx/3-1", "accounts", "account/Alice",
  "validators", "calls", "pallet/Balances", "storage/System.Account?key=//Alice",
  "events/Balances.Transfer", "audit", "search?q=transfer", "export", "nothing", "governance",
  "jobs", "providers", "tokenomics", "exchange", "payfi", "facilities", "oracle",
  "referendum/0", "validator/Alice", "upgrades", "doctor", "chambers", "models", "vesting",
  "staking?amount=1000&tier=4", "statistics",
];
const line = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const check = async (name, run) => {
  try {
    await run();
    line({ name, ok: true, detail: "" });
  } catch (error) {
    line({ name, ok: false, detail: String(error?.stack ?? error) });
  }
};
const expect = (ok, detail) => {
  if (!ok) throw new Error(detail);
};

const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
const open = async (options) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.problems = [];
  page.on("dialog", async (dialog) => {
    page.problems.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => {
    const isAnswer = message.text().includes("the server responded with a status of 404");
    if (message.type() === "error" && !isAnswer) page.problems.push(message.text());
  });
  return page;
};

// Pages with parts of each kind; with `all` each template once in a wide window.
const SOME = ["", "block/2", "tx/3-1", "account/Alice", "referendum/0", "validators", "search?q=transfer",
  "tokenomics"];
const isAll = amount === "all";
for (const [width, colorScheme, locale, pages] of [
  [1100, "light", "en", isAll ? PAGES : SOME],
  [360, "dark", "en", isAll ? SOME : SOME.slice(1, 4)],
  [360, "light", "zh-CN", SOME.slice(0, isAll ? 5 : 1)],
]) {
  const page = await open({
    viewport: { width, height: 800 }, colorScheme, locale,
  });
  // Sent once, and compiled before the page: as an element of each page it takes twice the time.
  await page.addInitScript({ content: axe });
  await check(`pages fit ${width} pixels and are accessible, ${colorScheme}, ${locale}`, async () => {
    for (const path of pages) {
      await page.goto(base + path);
      const [inner, outer] = await page.evaluate(
        () => [document.documentElement.scrollWidth, innerWidth],
      );
      expect(inner <= outer, `${path} is ${inner} pixels wide`);
      const broken = await page.evaluate(() => [...document.querySelectorAll(".cards b")]
        .filter((each) => each.getClientRects().length > 1).map((each) => each.textContent));
      expect(broken.length === 0, `${path}: broken over lines: ${broken.join("; ")}`);
      const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
      const report = found.violations.map((v) => `${v.id}: ${v.nodes[0].html}`).join("\n");
      expect(found.violations.length === 0, `${path}\n${report}`);
      expect(page.problems.length === 0, `${path}: ${page.problems.join("; ")}`);
    }
  });
  await page.context().close();
}

await check("a remark of any account runs nothing and keeps the width of its page", async () => {
  const page = await open({ viewport: { width: 360, height: 800 } });
  await page.goto(`${base}tx/2-1`);
  expect((await page.content()).includes("&lt;script&gt;"), "the remark is not on its page");
  expect(await page.evaluate(() => globalThis.hacked === undefined), "its script ran");
  expect((await page.locator("script").count()) === 1, "there is another script");
  expect(page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
});

await check("pages, lists and the search work without scripts", async () => {
  const page = await open({ javaScriptEnabled: false });
  await page.goto(base);
  await page.getByRole("link", { name: "Transactions", exact: true }).click();
  await page.getByRole("link", { name: "1-1" }).click();
  const words = await page.locator(".lead").innerText();
  expect(words.startsWith("Alice paid Bob 5 BTT; fee"), words);
  await page.getByRole("searchbox").fill("bob");
  await page.getByRole("searchbox").press("Enter");
  expect((await page.locator("h1").innerText()) === "Bob", "the search leads elsewhere");
  await page.context().close();
});

await check("the keyboard alone reaches the content and the search", async () => {
  const page = await open({});
  await page.goto(base);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.className);
  expect(first === "skip", `the first stop is ${first}`);
  const isSearch = () => page.evaluate(() => document.activeElement.type === "search");
  for (let at = 0; at < 20 && !(await isSearch()); at += 1) await page.keyboard.press("Tab");
  await page.keyboard.type("1-1");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/tx/1-1");
  await page.context().close();
});

await check("a new block comes to an open page", async () => {
  const page = await open({});
  await page.goto(base);
  const height = page.locator('[data-live="best"]');
  const before = Number(await height.innerText());
  const body = { jsonrpc: "2.0", id: 1, method: "engine_createBlock", params: [true, true] };
  // The stream may not be open yet, and a block before it is not announced on it.
  for (let at = 0; at < 20 && Number(await height.innerText()) <= before; at += 1) {
    await fetch(node, {
      method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" },
    });
    await page.waitForTimeout(300);
  }
  expect(Number(await height.innerText()) > before, "the height has not changed");
  const top = page.locator('[data-part] a[href^="/block/"]').first();
  await page.waitForFunction((old) => {
    const link = document.querySelector('[data-part] a[href^="/block/"]');
    return Number(link.textContent) > old;
  }, before);
  expect(Number(await top.innerText()) > before, "the list has not changed");
  expect(page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
});

await browser.close();
line({ done: true });

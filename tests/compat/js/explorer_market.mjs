// Orders in the explorer's pages: node explorer_market.mjs CHROMIUM ADDRESS [FOLDER_FOR_PICTURES]
import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { chromium } from "playwright-core";

import { withWallet } from "./extension.mjs";

const [program, base, folder] = process.argv.slice(2);
await cryptoWaitReady();
const bob = new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri("//Bob");
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
  const context = await browser.newContext({ viewport: { width: 360, height: 900 }, ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  return page;
};
const json = async (path) => (await fetch(base + path, { headers: { accept: "application/json" } })).json();
const picture = async (page, name) => {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
};
const ORDER = 'form[data-call="Exchange.place_order"]';
const CANCEL = 'form[data-call="Exchange.cancel_order"]';

/** Send what a form offers, and return the transaction. */
const send = async (page, form, button, start) => {
  await page.locator(form).getByRole("button", { name: /Continue|继续/ }).click();
  await page.waitForSelector(".offer button, .offer.wrong");
  const words = await page.innerText(".offer");
  expect(words.startsWith(start), words);
  await picture(page, `offer-${start.slice(0, 4)}`);
  await page.getByRole("button", { name: button }).click();
  await page.waitForSelector('.offer[data-state="final"], .offer.wrong');
  expect(!(await page.locator(".offer.wrong").count()), await page.innerText(".offer"));
  const link = await page.locator('.offer a[href^="/tx/"]').getAttribute("href");
  for (;;) {
    const found = await json(link.slice(1));
    if (!found.error) return found;
    await page.waitForTimeout(100); // until the index has it
  }
};
const units = async (price) => {
  const { bids } = await json("market/0");
  return bids.find((each) => each.price === price)?.units ?? "0";
};

for (const [who, options, words] of [
  ["//Alice", {}, { sign: "Sign as //Alice", buy: "Buy 10 units", cancel: "Cancel order" }],
  ["an extension, in Chinese", { locale: "zh-CN", colorScheme: "dark" }, { sign: "用钱包签名", buy: "", cancel: "" }],
]) {
  await check(`an order is placed and cancelled by ${who}`, async () => {
    const page = await open(options);
    const isWallet = Boolean(options.locale);
    if (isWallet) await withWallet(page, bob);
    const connect = async (form) => {
      if (!isWallet) return;
      await page.locator(form).getByRole("button", { name: "连接钱包" }).click();
      await page.waitForFunction((at) => document.activeElement?.closest(at), form);
    };
    await page.goto(`${base}market/0`);
    await connect(ORDER);
    await page.locator(`${ORDER} [name=units]`).fill("10");
    await page.locator(`${ORDER} [name=price]`).fill("40");
    const placed = await send(page, ORDER, words.sign, words.buy);
    expect(placed.success, JSON.stringify(placed));
    expect((await units("40000000000000000000")) === "10", "the book does not have it");
    await page.goto(`${base}market/0`);
    await picture(page, `market-${isWallet}`);
    const { fields } = placed.events.find((each) => each.name === "Exchange.OrderPlaced");
    await page.locator(`details:has(${CANCEL}) summary`).click();
    await connect(CANCEL);
    const { id } = Array.isArray(fields) ? Object.fromEntries(fields.map((f) => [f.name, f.value])) : fields;
    await page.locator(`${CANCEL} [name=id]`).fill(String(id));
    const cancelled = await send(page, CANCEL, words.sign, words.cancel);
    expect(cancelled.success, JSON.stringify(cancelled));
    expect((await units("40000000000000000000")) === "0", "the book still has it");
    expect(page.problems.length === 0, page.problems.join("; "));
    await page.context().close();
  });
}
await browser.close();
line({ done: true });

// Signing in the explorer's pages: node explorer_signing.mjs CHROMIUM ADDRESS NODE_WS
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { chromium } from "playwright-core";

import { withWallet } from "./extension.mjs";

const [program, base] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
await cryptoWaitReady();
const keyring = new Keyring({ type: "sr25519", ss58Format: 42 });
const bob = keyring.addFromUri("//Bob");
const charlie = keyring.addFromUri("//Charlie");
const eve = keyring.addFromUri("//Eve");

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
const open = async (options = {}) => {
  const context = await browser.newContext({ viewport: { width: 360, height: 900 }, ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") page.problems.push(message.text());
  });
  return page;
};

const VOTE = 'form[data-call="ConvictionVoting.vote"]';
const PAY = 'form[data-call="Balances.transfer_keep_alive"]';
const json = async (path) => (await fetch(base + path, { headers: { accept: "application/json" } })).json();
const offered = async (page) => {
  await page.waitForSelector(".offer button, .offer.wrong");
  return page.innerText(".offer");
};
const ended = async (page) => {
  await page.waitForSelector('.offer[data-state="final"], .offer.wrong');
  const text = await page.innerText(".offer");
  expect(!(await page.locator(".offer.wrong").count()), text);
  return text;
};
const examine = async (page, where) => {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(inner <= outer, `${where} is ${inner} pixels wide`);
  const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  expect(!found.violations.length, `${where}\n${found.violations.map((v) => `${v.id}: ${v.nodes[0].html}`).join("\n")}`);
};

await check("a newcomer votes as //Alice with the keyboard alone, without an extension", async () => {
  const page = await open();
  await page.goto(`${base}governance`);
  await page.getByRole("link", { name: "0", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/referendum/0");
  const isAt = (name) => page.evaluate((wanted) => document.activeElement.name === wanted, name);
  for (let at = 0; at < 60 && !(await isAt("side")); at += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("20000");
  await page.keyboard.press("Enter");
  expect((await offered(page)).startsWith("Vote aye on referendum 0 with 20\u202f000 BTT."), await offered(page));
  await page.keyboard.press("Enter"); // the button has the focus
  expect((await ended(page)).includes("Done, and final:"), "not final");
  const { poll } = await json("referendum/0");
  expect(poll.chambers.some(({ power }) => power.ayes !== "0"), JSON.stringify(poll));
  expect(page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
});

await check("an extension signs a payment over the digest of the metadata, in Chinese", async () => {
  const page = await open({ locale: "zh-CN", colorScheme: "dark" });
  const seen = await withWallet(page, bob);
  await page.goto(`${base}account/${charlie.address}`);
  await page.getByText("向此账户付款").click();
  const form = page.locator(PAY);
  await form.getByRole("button", { name: "连接钱包" }).click();
  await page.waitForFunction(() => document.activeElement?.name === "account");
  await form.locator('[name="value"]').fill("1.5");
  await form.getByRole("button", { name: "继续" }).click();
  expect((await offered(page)).startsWith(`向 ${charlie.address} 支付 1.5 BTT。`), await offered(page));
  await page.getByRole("button", { name: "用钱包签名" }).click();
  expect((await ended(page)).includes("已完成并最终确认"), "not final");
  const [payload] = seen.payloads;
  expect(payload.mode === 1 && /^0x[0-9a-f]{64}$/.test(payload.metadataHash), JSON.stringify(payload));
  expect(seen.metadata.length === 1 && seen.metadata[0].specVersion === 100, "no metadata");
  expect(page.problems.length === 0, page.problems.join("; "));
  await page.context().close();
});

await check("a signer who declines gets a message, and nothing is sent", async () => {
  const page = await open();
  await withWallet(page, bob, { refuses: true });
  await page.goto(`${base}referendum/0`);
  const form = page.locator(VOTE);
  await form.getByRole("button", { name: "Connect a wallet" }).click();
  await page.waitForFunction(() => document.activeElement?.name === "account");
  await form.locator('[name="value"]').fill("1");
  await form.getByRole("button", { name: "Continue" }).click();
  await offered(page);
  await page.getByRole("button", { name: "Sign with the wallet" }).click();
  await page.waitForSelector(".offer.wrong");
  expect((await page.innerText(".offer")).includes("Cancelled"), await page.innerText(".offer"));
  await page.context().close();
});

/** Fill the vote form of a page with another action. */
const ask = (page, call, fields) =>
  page.evaluate(([selector, name, given]) => {
    const form = document.querySelector(selector);
    const account = form.elements.account.value;
    form.replaceChildren();
    form.dataset.call = name;
    for (const [key, value] of Object.entries(given)) {
      const input = form.appendChild(document.createElement("input"));
      Object.assign(input, { type: "hidden", name: key, value });
    }
    const list = form.appendChild(document.createElement("select"));
    list.name = "account";
    list.append(new Option(account, account));
    form.requestSubmit();
  }, ["main form", call, fields]);
const ACTIONS = [
  ["Balances.transfer_keep_alive", { action: "transfer", dest: eve.address, value: "1" }],
  ["Balances.transfer_keep_alive", { action: "transfer", dest: eve.address, value: "1234567.000000000000000001" }],
  ["Balances.transfer_keep_alive", { action: "transfer", dest: eve.address, value: "999999999999 planck" }],
  ["ConvictionVoting.vote", { action: "vote", referendum: "0", side: "nay", value: "0.5" }],
  ["ConvictionVoting.vote", { action: "vote", referendum: "70000", side: "abstain", value: "12" }],
  ["ConvictionVoting.delegate", { action: "delegate", track: "1", to: eve.address, value: "7" }],
  ["ConvictionVoting.undelegate", { action: "undelegate", track: "300" }],
  ["TierStaking.stake", { action: "stake", amount: "1000", tier: "2" }],
  ["TierStaking.claim", { action: "claim", id: "70000" }],
  ["TierStaking.unstake", { action: "unstake", id: "4" }],
  ["Exchange.place_order", { action: "order", asset: "3", side: "buy", units: "1000", price: "2.5" }],
  ["Exchange.place_order", { action: "order", asset: "3", side: "sell", units: String(2n ** 100n), price: "5 planck" }],
  ["Exchange.cancel_order", { action: "cancel", id: String(2n ** 40n) }],
  ["Identity.set_identity", { action: "identity", display: "一号医院", legal: "Hospital One", web: "https://one.example", email: "a@one.example" }],
];
for (const locale of ["en", "zh-CN"]) {
  await check(`page and server say the same of each action, ${locale}`, async () => {
    const page = await open({ locale });
    await page.goto(`${base}referendum/0`);
    for (const [call, fields] of ACTIONS) {
      await page.evaluate(() => document.querySelector(".offer")?.remove());
      await ask(page, call, fields);
      const text = await offered(page);
      expect(!(await page.locator(".offer.wrong").count()), `${call}: ${text}`);
    }
    expect(page.problems.length === 0, page.problems.join("; "));
    await page.context().close();
  });
}

await check("a payment of an invoice is read with its currency", async () => {
  const page = await open();
  const key = [...eve.publicKey].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const invoice = (units, code, words) => ({
    method: `0x410400${key}${units}${Buffer.from(code).toString("hex")}130000f44482916345${"ab".repeat(16)}00`,
    words: `Pay the merchant ${eve.address} ${words}, at most 5 BTT.`,
  });
  let said;
  await page.route("**/tx/prepare", async (route) => {
    const answer = await route.fetch();
    const offer = await answer.json();
    const changed = { ...offer, sentence: said.words, payload: { ...offer.payload, method: said.method } };
    await route.fulfill({ response: answer, json: changed });
  });
  await page.goto(`${base}referendum/0`);
  for (const [units, code, words, isRead] of [
    ["88130000000000000000000000000000", "CNY", "50.00 CNY", true],
    ["88130000000000000000000000000000", "JPY", "5000 JPY", true],
    ["05000000000000000000000000000000", "USD", "0.05 USD", true],
    ["000064a7b3b6e00d0000000000000000", "BTT", "1 BTT", true],
    ["88130000000000000000000000000000", "XXX", "5000 XXX", false],
  ]) {
    said = invoice(units, code, words);
    await page.evaluate(() => document.querySelector(".offer")?.remove());
    await ask(page, "PayFi.pay", { action: "transfer", dest: eve.address, value: "1" });
    const text = await offered(page);
    expect(((await page.locator(".offer.wrong").count()) === 0) === isRead, `${code}: ${text}`);
  }
  await page.context().close();
});

await check("a hostile server is seen through: no button, a warning, and what the bytes do", async () => {
  const page = await open();
  let lie = (offer) => offer;
  let posts = 0;
  await page.route("**/tx/prepare", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: lie(await answer.json()) });
  });
  await page.route("**/tx/submit", (route) => {
    posts += 1;
    return route.abort();
  });
  const key = [...eve.publicKey].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const all = `0x030400${key}00`;
  const method = (hex) => (offer) => ({ ...offer, payload: { ...offer.payload, method: hex } });
  const payload = (changed) => (offer) => ({ ...offer, payload: { ...offer.payload, ...changed } });
  const honest = `Pay all that can be transferred to ${eve.address}.`;
  await page.goto(`${base}referendum/0`);
  for (const [name, made, words] of [
    ["all the money for a vote", method(all), `Pay all that can be transferred to 0x${key}.`],
    ["the same, said openly", (offer) => ({ ...method(all)(offer), call: "Balances.transfer_all", sentence: honest }), honest],
    ["the other side", (offer) => method(offer.payload.method.replace(/^(0x1200....)80/, "$100"))(offer), "Vote nay"],
    ["more money", (offer) => method(offer.payload.method.replace(/.{2}$/, "01"))(offer), "but the bytes say"],
    ["a batch", method(`0x0902041200${"00".repeat(20)}`), "does not understand"],
    ["bytes behind the call", (offer) => method(`${offer.payload.method}00`)(offer), "does not understand"],
    ["bytes that end early", (offer) => method(offer.payload.method.slice(0, -2))(offer), "does not understand"],
    ["no bytes", method("0x"), "does not understand"],
    ["no hex", method("vote"), "does not understand"],
    ["another sentence", (offer) => ({ ...offer, sentence: "Nothing happens." }), "Nothing happens."],
    ["another chain", payload({ genesisHash: `0x${"11".repeat(32)}` }), "account, chain or tip"],
    ["another account", payload({ address: eve.address }), "account, chain or tip"],
    ["a tip", payload({ tip: "0x00000000000000000de0b6b3a7640000" }), "account, chain or tip"],
    ["a fee in assets", payload({ assetId: "0x01" }), "account, chain or tip"],
  ]) {
    lie = made;
    await page.fill(`${VOTE} [name=value]`, "20");
    await page.click(`${VOTE} > button:last-of-type`);
    await page.waitForSelector(".offer.wrong, .offer button");
    const text = await page.innerText(".offer");
    expect((await page.locator(".offer.wrong").count()) === 1, `${name}: no warning: ${text}`);
    expect((await page.locator(".offer button").count()) === 0, `${name}: there is a button`);
    expect(text.includes(words), `${name}: ${text}`);
  }
  expect(posts === 0, "something was sent");
  await page.context().close();
});

await check("without a script: a command, a code for a device, and a development key", async () => {
  const page = await open({ javaScriptEnabled: false });
  await page.goto(`${base}referendum/0`);
  await page.fill(`${VOTE} [name=value]`, "30");
  await page.click(`${VOTE} > button`);
  const text = await page.innerText("main");
  expect(text.includes("btt-chain gov vote 0 aye 30BTT --from key.txt"), text);
  expect((await page.locator("img.code").count()) === 1, "no code");
  await page.getByRole("button", { name: "Sign as //Alice" }).click();
  expect((await page.innerText("h1")) === "Sent", await page.innerText("main"));
  await page.context().close();
});

for (const [colorScheme, locale] of [["light", "en"], ["dark", "zh-CN"]]) {
  await check(`forms and offers fit 360 pixels and are accessible, ${colorScheme}, ${locale}`, async () => {
    const page = await open({ colorScheme, locale });
    await page.addInitScript({ content: axe });
    for (const path of ["referendum/0", `account/${bob.address}`, "payfi"]) {
      await page.goto(base + path);
      await page.evaluate(() => document.querySelectorAll("details").forEach((each) => (each.open = true)));
      await examine(page, path);
    }
    await page.goto(`${base}referendum/0`);
    await page.fill(`${VOTE} [name=value]`, "20");
    await page.click(`${VOTE} > button:last-of-type`);
    await offered(page);
    await examine(page, "the offer");
    await page.evaluate(() => document.querySelector(".offer").classList.add("wrong"));
    await examine(page, "a warning");
    await page.evaluate((selector) => HTMLFormElement.prototype.submit.call(document.querySelector(selector)), VOTE);
    await page.waitForSelector("img.code");
    await examine(page, "the page without a script");
    await page.context().close();
  });
}

await browser.close();
line({ done: true });

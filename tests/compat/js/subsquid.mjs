// Subsquid, unmodified: its explorer finds the runtime's versions, its generator makes classes of the
// metadata, and its processor indexes a transfer of dedot's script from the node's RPC alone.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { Keyring } from "@polkadot/keyring";
import { blake2AsHex, cryptoWaitReady } from "@polkadot/util-crypto";

import { CLOCKED, check, finish, soon } from "./checks.mjs";
import { Raw } from "./raw.mjs";

const require = createRequire(import.meta.url);
const { SubstrateBatchProcessor } = require("@subsquid/substrate-processor");

const program = (name) => fileURLToPath(new URL(`../node_modules/.bin/squid-substrate-${name}`, import.meta.url));
const run = promisify(execFile);
const VALUE = 3n * 10n ** 18n;
const QUIET = { SQD_WARN: "*", SQD_INFO: "" };
const folder = await mkdtemp(join(tmpdir(), "subsquid-"));
await cryptoWaitReady();
const ring = new Keyring({ type: "sr25519", ss58Format: 42 });
const [alice, bob] = ["//Alice", "//dedot//chainHead"].map((uri) => ring.addFromUri(uri));
const hex = (pair) => `0x${Buffer.from(pair.publicKey).toString("hex")}`;
const node = await Raw.open(CLOCKED);

await check("its explorer finds the runtime's version by the blocks", async () => {
  const versions = join(folder, "versions.jsonl");
  await run(program("metadata-explorer"), ["--rpc", CLOCKED, "--out", versions], { env: { ...process.env, ...QUIET } });
  const [found, ...others] = (await readFile(versions, "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  const { specName, specVersion } = await node.call("state_getRuntimeVersion");
  assert.deepEqual([found.specName, found.specVersion, found.blockNumber, others], [specName, specVersion, 0, []]);
  assert.equal(found.metadata, await node.call("state_getMetadata"));
});

await check("its generator makes classes of an event, a call and a storage item", async () => {
  const settings = join(folder, "typegen.json");
  const pallets = { Balances: { events: ["Transfer"], calls: ["transfer_keep_alive"], storage: ["TotalIssuance"] } };
  await writeFile(settings, JSON.stringify({ outDir: "types", specVersions: "versions.jsonl", pallets }));
  await run(program("typegen"), [settings], { cwd: folder, env: { ...process.env, ...QUIET } });
  const made = (name) => readFile(join(folder, "types", "balances", `${name}.ts`), "utf8");
  assert.match(await made("events"), /name: 'Balances\.Transfer'/);
  assert.match(await made("calls"), /name: 'Balances\.transfer_keep_alive'/);
  assert.match(await made("storage"), /'Balances\.TotalIssuance'/);
});

/** A database that keeps records in memory; `found` resolves with the first that fits. */
class Memory {
  constructor(fits) {
    this.supportsHotBlocks = false;
    this.store = [];
    this.found = new Promise((resolve) => {
      this.onCommit = () => {
        const record = this.store.find(fits);
        if (record) resolve(record);
      };
    });
  }

  async connect() {
    return { height: -1, hash: "0x" };
  }

  async transact(_, change) {
    await change(this.store);
    this.onCommit();
  }
}

await check("its processor indexes a transfer, with its call and its fee", async () => {
  const database = new Memory(({ event }) => event.args.to === hex(bob));
  new SubstrateBatchProcessor()
    .setRpcEndpoint({ url: CLOCKED, maxBatchCallSize: 20 })
    .setRpcDataIngestionSettings({ headPollInterval: 200 })
    // Without an end: at the end of its range the processor ends the program.
    .setBlockRange({ from: 0 })
    .setFields({
      block: { timestamp: true },
      event: { name: true, args: true },
      extrinsic: { hash: true, fee: true, success: true },
      call: { name: true, args: true },
    })
    .addEvent({ name: ["Balances.Transfer"], extrinsic: true, call: true })
    .run(database, async ({ blocks, store }) => {
      for (const { header, events } of blocks) {
        store.push(...events.map((event) => ({ header, event })));
      }
    });
  const { header, event } = await soon(database.found, "the transfer");
  assert.deepEqual(event.args, { from: hex(alice), to: hex(bob), amount: VALUE.toString() });
  assert.equal(header.hash, await node.call("chain_getBlockHash", header.height));
  assert.ok(Math.abs(header.timestamp - Date.now()) < 86_400_000, "a time in milliseconds");
  const { block } = await node.call("chain_getBlock", header.hash);
  assert.ok(block.extrinsics.map((bytes) => blake2AsHex(bytes)).includes(event.extrinsic.hash));
  assert.equal(event.extrinsic.success, true);
  assert.ok(event.extrinsic.fee > 0n);
  assert.equal(event.call.name, "Balances.transfer_keep_alive");
  assert.equal(event.call.args.dest.value, hex(bob));
});

await rm(folder, { recursive: true });
node.close();
finish();

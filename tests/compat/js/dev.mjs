// Flows of test suites for chopsticks and hardhat, with @polkadot/api and polkadot-api as they are:
// only the URL is another. The node is started with --mock-signature-host.

import assert from "node:assert/strict";

import { ApiPromise, Keyring, WsProvider } from "@polkadot/api";
import { u8aToHex } from "@polkadot/util";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { createClient } from "polkadot-api";
import { getWsProvider } from "polkadot-api/ws";
import WebSocket from "ws";

import { CLOCKED as URL, Stream, check, finish, refusal, soon } from "./checks.mjs";

await cryptoWaitReady();
const BTT = 10n ** 18n;
const ring = new Keyring({ type: "ed25519", ss58Format: 42 });
const [alice, bob, carol] = ["//Alice", "//Bob", "//Carol"].map((uri) => ring.addFromUri(uri));
const ws = new WsProvider(URL, 3000);
const api = await ApiPromise.create({ provider: ws, noInitWarn: true });
const dev = {
  newBlock: (param) => ws.send("dev_newBlock", [param]),
  setStorage: (values, hash) => ws.send("dev_setStorage", [values, hash]),
  timeTravel: (date) => ws.send("dev_timeTravel", [date]),
  setHead: (block) => ws.send("dev_setHead", [block]),
};
const height = async () => (await api.rpc.chain.getHeader()).number.toNumber();
const free = async (who) => (await api.query.system.account(who.address)).data.free.toBigInt();

await dev.timeTravel("Jan 1, 2022");
await dev.setStorage({
  System: { Account: [[[alice.address], { data: { free: `${1000n * BTT}` } }]] },
  Sudo: { Key: alice.address },
});

await check("storage is set by names and by keys", async () => {
  assert.equal(`${await api.query.sudo.key()}`, alice.address);
  await dev.setStorage([[api.query.sudo.key.key(), u8aToHex(bob.publicKey)]]);
  assert.equal(`${await api.query.sudo.key()}`, bob.address);
  const hash = await dev.newBlock();
  await dev.setStorage([[api.query.sudo.key.key(), null]], hash);
  assert.ok((await api.query.sudo.key()).isNone);
});

await check("wrong names are refused with chopsticks' words", async () => {
  const pallet = await refusal(dev.setStorage({ SSystem: { Account: [] } }));
  assert.equal(pallet.message, "1: Error: Cannot find pallet SSystem");
  const item = await refusal(dev.setStorage({ System: { AAccount: [] } }));
  assert.equal(item.message, "1: Error: Cannot find storage AAccount in pallet System");
});

await check("blocks are counted, or made up to a height", async () => {
  const before = await height();
  const hash = await dev.newBlock({ count: 3 });
  assert.equal((await api.rpc.chain.getHeader(hash)).number.toNumber(), before + 3);
  await dev.newBlock({ to: before + 5 });
  assert.equal(await height(), before + 5);
  const low = await refusal(dev.newBlock({ unsafeBlockHeight: before }));
  assert.equal(low.message, "1: unsafeBlockHeight must be greater than current block height");
});

await check("a transaction waits for its block, and follows to finality", async () => {
  const statuses = new Stream("a status");
  const before = await free(carol);
  await api.tx.balances.transferKeepAlive(carol.address, BTT).signAndSend(alice, statuses.push);
  assert.equal(await free(carol), before);
  await dev.newBlock();
  await statuses.until((result) => result.isFinalized);
  assert.equal(await free(carol), before + BTT);
});

await check("time moves on by slots after it was moved", async () => {
  const goal = Date.parse("Dec 22, 2022");
  assert.equal(await dev.timeTravel("Dec 22, 2022"), goal);
  assert.equal((await api.query.timestamp.now()).toNumber(), goal);
  await dev.newBlock();
  assert.equal((await api.query.timestamp.now()).toNumber(), goal + 1000);
  assert.match((await refusal(dev.timeTravel("Jan 1, 2022"))).message, /only moves forward/);
});

await check("the head is set back, and new heads follow", async () => {
  const heads = new Stream("a head");
  const stop = await api.rpc.chain.subscribeNewHeads((head) => heads.push(head.hash.toHex()));
  const [number, hash] = [await height(), (await api.rpc.chain.getBlockHash()).toHex()];
  await dev.newBlock({ count: 3 });
  assert.equal(await dev.setHead(hash), hash);
  await heads.until((head) => head === hash);
  assert.equal((await api.rpc.chain.getBlockHash()).toHex(), hash);
  await dev.setHead(number - 1);
  assert.equal(await height(), number - 1);
  await dev.setHead(-1);
  assert.equal(await height(), number - 2);
  stop();
});

await check("a subscription to storage sees a revert", async () => {
  const snapshot = await ws.send("dev_snapshot", []);
  const balances = new Stream("a balance");
  const stop = await api.query.system.account(bob.address, (info) => balances.push(info.data.free.toBigInt()));
  const before = await balances.next();
  await ws.send("dev_setBalance", [bob.address, `${7n * BTT}`]);
  await balances.until((value) => value === 7n * BTT);
  assert.equal(await ws.send("dev_revert", [snapshot]), true);
  await balances.until((value) => value === before);
  assert.equal(await ws.send("dev_revert", [snapshot]), false);
  stop();
});

/** Signs as chopsticks' `signFake` does: 0xdeadbeef, then 0xcd to the end. */
async function signFake(tx, address, fill = 0xcd) {
  const { nonce } = await api.query.system.account(address);
  const { genesisHash, runtimeVersion } = api;
  tx.signFake(address, { nonce, genesisHash, runtimeVersion, blockHash: genesisHash });
  const signature = new Uint8Array(64).fill(fill);
  signature.set([0xde, 0xad, 0xbe, 0xef]);
  tx.signature.set(signature);
  return tx;
}

await check("mock signatures are accepted, other ones of impersonated accounts only", async () => {
  await (await signFake(api.tx.system.remark("0x01"), alice.address)).send();
  await dev.newBlock();
  const other = await refusal((await signFake(api.tx.system.remark("0x02"), alice.address, 1)).send());
  assert.match(other.message, /bad signature/);
  await ws.send("dev_impersonateAccount", [alice.address]);
  await (await signFake(api.tx.system.remark("0x02"), alice.address, 1)).send();
  await ws.send("dev_stopImpersonatingAccount", [alice.address]);
  assert.equal((await api.rpc.author.pendingExtrinsics()).length, 1);
  await dev.newBlock();
});

await check("a dry run shows the change and makes none", async () => {
  const tx = await api.tx.balances.transferKeepAlive(carol.address, BTT).signAsync(alice);
  const before = await free(carol);
  const ran = await ws.send("dev_dryRun", [{ extrinsic: tx.toHex() }]);
  const change = (side) => BigInt(ran[side].system.account[carol.address].data.free);
  assert.equal(change("new") - change("old"), BTT);
  assert.ok(ran.new.system.events.length > 0);
  assert.deepEqual(ran.delta.system.account[carol.address].data.free, [`${change("old")}`, `${change("new")}`]);
  const call = api.tx.sudo.removeKey().method.toHex();
  const raw = await ws.send("dev_dryRun", [{ raw: true, extrinsic: { call, address: alice.address } }]);
  assert.ok(raw.every(([key]) => key.startsWith("0x")));
  assert.equal(await free(carol), before);
});

await check("a block is traced with its calls", async () => {
  await api.tx.balances.transferKeepAlive(carol.address, BTT).signAndSend(alice);
  const hash = await dev.newBlock();
  const { blockTrace } = await ws.send("state_traceBlock", [hash, "pallet,frame,state", "", "Put"]);
  assert.ok(blockTrace.spans.some((span) => span.name === "transfer_keep_alive"));
  assert.ok(blockTrace.events.every((event) => event.data.stringValues.method === "Put"));
});

await check("polkadot-api goes on after the head was set back", async () => {
  const client = createClient(getWsProvider(URL, { websocketClass: WebSocket }));
  const finals = new Stream("a final block");
  const following = client.finalizedBlock$.subscribe({ next: finals.push, error: finals.push });
  const start = await finals.next();
  const made = await dev.newBlock({ count: 2 });
  await finals.until((block) => block.hash === made);
  await dev.setHead(start.hash);
  const other = await dev.newBlock({ count: 3 });
  await finals.until((block) => block.hash === other);
  following.unsubscribe();
  client.destroy();
});

await check("blocks come by themselves when they shall", async () => {
  await ws.send("dev_setBlockBuildMode", ["Instant"]);
  const before = await free(carol);
  const statuses = new Stream("a status");
  await api.tx.balances.transferKeepAlive(carol.address, BTT).signAndSend(alice, statuses.push);
  await statuses.until((result) => result.isInBlock || result.isFinalized);
  assert.equal(await free(carol), before + BTT);
  const wrong = await refusal(ws.send("dev_setBlockBuildMode", ["Sometimes"]));
  assert.match(wrong.message, /Invalid mode Sometimes/);
});

await soon(api.disconnect(), "the end");
finish();

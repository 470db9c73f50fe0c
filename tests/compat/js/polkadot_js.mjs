// @polkadot/api, unmodified, against a started node.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// What the client writes to the console is kept: it complains there, not by exceptions.
const complaints = [];
for (const kind of ["warn", "error"]) {
  const say = console[kind];
  console[kind] = (...words) => {
    complaints.push(words.join(" "));
    if (process.env.BTT_COMPAT_VERBOSE) say(...words);
  };
}

const { ApiPromise, Keyring, WsProvider } = await import("@polkadot/api");
const { u8aToHex } = await import("@polkadot/util");
const { blake2AsHex, cryptoWaitReady, createKeyMulti, encodeAddress, sortAddresses } =
  await import("@polkadot/util-crypto");
const { CLOCKED, MANUAL, Stream, check, fact, finish, need, refusal, soon } = await import("./checks.mjs");

/** The merkleization of metadata that polkadot-api's signers use. */
async function merkleization() {
  const inside = createRequire(createRequire(import.meta.resolve("polkadot-api")).resolve("@polkadot-api/signer"));
  return import(pathToFileURL(inside.resolve("@polkadot-api/merkleize-metadata")).href);
}

const BTT = 10n ** 18n;
await cryptoWaitReady();
const sr = new Keyring({ type: "sr25519", ss58Format: 42 });
const ed = new Keyring({ type: "ed25519", ss58Format: 42 });
const ec = new Keyring({ type: "ecdsa", ss58Format: 42 });
const [alice, bob, charlie, dave, eve, ferdie] = ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"].map((name) =>
  sr.addFromUri(`//${name}`),
);
const edith = ed.addFromUri("//Edith");
const ecco = ec.addFromUri("//Ecco");
/** A new account each time: what one check leaves behind must not help another. */
let made = 0;
const newcomer = () => sr.addFromUri(`//New//${process.pid}//${made++}`);

let api;
let manual;

async function connect(url) {
  const made = new ApiPromise({ provider: new WsProvider(url, false), throwOnConnect: true });
  await made._options?.provider?.connect?.();
  await soon(made.isReadyOrError, `the node at ${url}`);
  return made;
}

/** Sign, send, and follow to finality. Every status is kept. */
function send(tx, pair, options = {}, on = api) {
  const statuses = [];
  return soon(
    new Promise((resolve, reject) => {
      tx.signAndSend(pair, { nonce: -1, ...options }, (result) => {
        statuses.push(result.status.type);
        if (result.isFinalized) {
          const found = (section, method) =>
            result.events.filter(({ event }) => event.section === section && event.method === method);
          resolve({ ...result, statuses, found, error: result.dispatchError, block: result.status.asFinalized });
        } else if (result.isError) {
          reject(new Error(`the transaction ended as ${statuses}`));
        }
      }).catch(reject);
    }),
    "finality of a transaction",
  );
}

function succeeded(outcome) {
  assert.equal(outcome.error, undefined, outcome.error && explained(outcome.error));
  const last = outcome.events.at(-1).event;
  assert.equal(`${last.section}.${last.method}`, "system.ExtrinsicSuccess");
  return outcome;
}

function explained(error, on = api) {
  if (!error.isModule) return error.toString();
  const { section, name, docs } = on.registry.findMetaError(error.asModule);
  return `${section}.${name}: ${docs.join(" ")}`;
}

const free = async (who, at = api) => (await at.query.system.account(who.address ?? who)).data.free.toBigInt();
/** The next nonce on the node that seals on demand, once its pool is empty. */
const nextNonce = async () => {
  await seal();
  return nonceOf(alice, manual);
};
const nonceOf = async (who, at = api) => (await at.query.system.account(who.address)).nonce.toNumber();
const seal = (empty = true) => manual.rpc.engine.createBlock(empty, true);
const raw = (on, method, params = []) => on._rpcCore.provider.send(method, params);
const transfer = (to, amount, on = api) => on.tx.balances.transferKeepAlive(to.address ?? to, amount);

/** Status after status of a transaction, without waiting for the end. */
async function follow(tx, pair, options = {}) {
  const stream = new Stream("a status of a transaction");
  const stop = await tx.signAndSend(pair, options, (result) => stream.push(result.status));
  return { stream, stop };
}

async function refused(promise, code, data, message = "") {
  const problem = await refusal(promise);
  assert.equal(problem.code, code, String(problem));
  assert.ok(String(problem.message).includes(message), problem.message);
  if (data !== undefined) assert.equal(problem.data, data);
  return problem;
}

// --- the node and its words -------------------------------------------------------

await need("connects and finds the chain ready", async () => {
  api = await connect(CLOCKED);
  assert.ok(api.isConnected);
  assert.ok(api.hasSubscriptions);
});

await check("names the chain, the program and their kind", async () => {
  const { system } = api.rpc;
  assert.equal((await system.chain()).toString(), "BTT Development (sealed by hand)");
  assert.equal((await system.chainType()).type, "Development");
  assert.match((await system.name()).toString(), /\S/);
  assert.match((await system.version()).toString(), /^\d+\.\d+\.\d+/);
  const properties = await system.properties();
  assert.equal(properties.ss58Format.unwrap().toNumber(), 42);
  assert.deepEqual(properties.tokenDecimals.unwrap().map(Number), [18]);
  assert.deepEqual(properties.tokenSymbol.unwrap().map(String), ["BTT"]);
  assert.deepEqual([api.registry.chainDecimals, api.registry.chainTokens, api.registry.chainSS58], [[18], ["BTT"], 42]);
});

await check("reads health, roles, peers and the state of syncing", async () => {
  const { system } = api.rpc;
  const health = await system.health();
  assert.deepEqual(health.toJSON(), { peers: 0, isSyncing: false, shouldHavePeers: false });
  assert.ok((await system.nodeRoles()).some((role) => role.isAuthority));
  assert.match((await system.localPeerId()).toString(), /\S/);
  assert.deepEqual((await system.peers()).toJSON(), []);
  assert.ok((await system.localListenAddresses()).length >= 0);
  const sync = await system.syncState();
  assert.ok(sync.currentBlock.toNumber() >= sync.startingBlock.toNumber());
});

await check("stores a value beside the chain, and changes the node's log lines", async () => {
  const { offchain } = api.rpc;
  await offchain.localStorageSet("PERSISTENT", "0x6162", "0x010203");
  assert.equal((await offchain.localStorageGet("PERSISTENT", "0x6162")).unwrap().toHex(), "0x010203");
  assert.ok((await offchain.localStorageGet("PERSISTENT", "0x6163")).isNone);
  assert.match((await refusal(offchain.localStorageGet("LOCAL", "0x6162"))).message, /5001/);
  await api.rpc.system.addLogFilter("rpc=debug");
  assert.match((await refusal(api.rpc.system.addLogFilter("rpc=loud"))).message, /is not a filter/);
  await api.rpc.system.resetLogFilter();
});

await check("takes the newest metadata, version 16, by runtime call", async () => {
  assert.equal(api.runtimeMetadata.version, 16);
  const versions = await api.call.metadata.metadataVersions();
  assert.deepEqual(versions.map(Number).filter((version) => version < 2 ** 31).sort(), [14, 15, 16]);
  assert.equal((await api.call.metadata.metadataAtVersion(13)).isNone, true);
  const legacy = await api.rpc.state.getMetadata();
  assert.equal(legacy.version, 14);
});

await check("reads the runtime version alike in each of its places", async () => {
  const version = await api.rpc.state.getRuntimeVersion();
  assert.deepEqual(
    [version.specName, version.specVersion, version.transactionVersion].map(String),
    ["btt", "100", "1"],
  );
  assert.equal(version.stateVersion.toNumber(), 1);
  for (const other of [api.consts.system.version, await api.call.core.version(), api.runtimeVersion]) {
    for (const member of ["specName", "implName", "authoringVersion", "specVersion", "implVersion", "transactionVersion"]) {
      assert.equal(other[member].toString(), version[member].toString(), member);
    }
    assert.deepEqual(other.apis.toJSON(), version.apis.toJSON());
  }
});

await check("reads constants", async () => {
  const { balances, system, timestamp, transactionPayment } = api.consts;
  assert.equal(balances.existentialDeposit.toBigInt(), 10n ** 15n);
  assert.equal(system.blockHashCount.toNumber(), 2400);
  assert.equal(system.ss58Prefix.toNumber(), 42);
  assert.equal(timestamp.minimumPeriod.toNumber(), 500);
  assert.equal(transactionPayment.operationalFeeMultiplier.toNumber(), 5);
  assert.ok(system.blockWeights.maxBlock.refTime.toBigInt() > 0n);
  assert.equal(system.blockLength.max.operational.toNumber(), 5 * 1024 * 1024);
});

// --- blocks -----------------------------------------------------------------------

await check("computes the hash of every header as the node does", async () => {
  const best = (await api.rpc.chain.getHeader()).number.toNumber();
  for (const number of [0, 1, best]) {
    const hash = await api.rpc.chain.getBlockHash(number);
    const header = await api.rpc.chain.getHeader(hash);
    assert.equal(header.hash.toHex(), hash.toHex(), `block ${number}`);
    assert.equal(header.number.toNumber(), number);
  }
  const genesis = await api.rpc.chain.getHeader(api.genesisHash);
  assert.ok(genesis.parentHash.isEmpty);
});

await check("reads blocks with their extrinsics and computes their extrinsics", async () => {
  const hash = await api.rpc.chain.getBlockHash(1);
  const { block, justifications } = await api.rpc.chain.getBlock(hash);
  assert.equal(block.header.hash.toHex(), hash.toHex());
  assert.equal(block.extrinsics[0].method.section, "timestamp");
  assert.equal(block.extrinsics[0].isSigned, false);
  assert.ok(justifications.isNone);
  fact("extrinsics root", {
    root: block.header.extrinsicsRoot.toHex(),
    extrinsics: block.extrinsics.map((extrinsic) => extrinsic.toHex()),
  });
});

await check("receives null for a block that is not there", async () => {
  const nowhere = "0x" + "11".repeat(32);
  assert.equal(await raw(api, "chain_getBlock", [nowhere]), null);
  assert.equal(await raw(api, "chain_getHeader", [nowhere]), null);
  assert.equal(await raw(api, "chain_getBlockHash", [4_000_000_000]), null);
  assert.deepEqual(await raw(api, "chain_getBlockHash", [[0, 4_000_000_000]]), [api.genesisHash.toHex(), null]);
});

await check("knows who made a block's slot from its digest", async () => {
  const header = await api.rpc.chain.getHeader();
  const log = header.digest.logs[0];
  assert.ok(log.isPreRuntime);
  assert.equal(log.asPreRuntime[0].toString(), "BABE");
});

// --- storage ----------------------------------------------------------------------

await check("queries accounts, and what they were in the past", async () => {
  const past = await api.rpc.chain.getFinalizedHead();
  const before = await free(bob);
  succeeded(await send(transfer(bob, 3n * BTT), alice));
  assert.equal((await free(bob)) - before, 3n * BTT);
  assert.equal(await free(bob, await api.at(past)), before);
  assert.equal(await free(bob, await api.at(api.genesisHash)), 40_000n * BTT);
});

await check("finds an account that does not exist to be empty", async () => {
  const account = await api.query.system.account(newcomer().address);
  assert.deepEqual([account.nonce.toNumber(), account.data.free.toBigInt(), account.providers.toNumber()], [0, 0n, 0]);
});

await check("pages through keys and entries and finds them all", async () => {
  const whole = (await api.query.system.account.keys()).map((key) => key.toHex());
  assert.ok(whole.length > 8);
  const paged = [];
  let startKey;
  for (;;) {
    const page = await api.query.system.account.keysPaged({ args: [], pageSize: 3, startKey });
    if (!page.length) break;
    paged.push(...page.map((key) => key.toHex()));
    startKey = page.at(-1).toHex();
  }
  assert.deepEqual(paged, whole);
  const entries = await api.query.system.account.entries();
  assert.deepEqual(entries.map(([key]) => key.toHex()).sort(), [...whole].sort());
  const found = entries.find(([key]) => key.args[0].toString() === bob.address);
  assert.equal(found[1].data.free.toBigInt(), await free(bob));
  const page = await api.query.system.account.entriesPaged({ args: [], pageSize: 2 });
  assert.equal(page.length, 2);
});

await check("sums all accounts to the total issuance", async () => {
  const at = await api.at(await api.rpc.chain.getFinalizedHead());
  const [entries, issuance] = await Promise.all([at.query.system.account.entries(), at.query.balances.totalIssuance()]);
  const sum = entries.reduce((all, [, { data }]) => all + data.free.toBigInt() + data.reserved.toBigInt(), 0n);
  assert.equal(sum, issuance.toBigInt());
});

await check("queries many keys at once", async () => {
  const several = await api.query.system.account.multi([alice.address, bob.address, newcomer().address]);
  assert.equal(several.length, 3);
  assert.equal(several[2].data.free.toBigInt(), 0n);
  const [account, now, issuance] = await new Promise((resolve, reject) => {
    api
      .queryMulti([[api.query.system.account, bob.address], api.query.timestamp.now, api.query.balances.totalIssuance], resolve)
      .catch(reject);
  });
  assert.equal(account.data.free.toBigInt(), await free(bob));
  assert.ok(now.toNumber() > 1.6e12);
  assert.ok(issuance.toBigInt() > 0n);
});

await check("reads size and hash of a value, and of the code", async () => {
  const key = api.query.system.account.key(bob.address);
  assert.equal((await api.query.system.account.size(bob.address)).toNumber(), 80);
  const at = await api.rpc.chain.getFinalizedHead();
  const value = await api.rpc.state.getStorage(key, at);
  assert.equal((await api.rpc.state.getStorageHash(key, at)).toHex(), blake2AsHex(value.unwrap().toU8a(true)));
  const code = await raw(api, "state_getStorageHash", ["0x3a636f6465"]);
  assert.match(code, /^0x[0-9a-f]{64}$/);
});

await check("reads proofs of what is there and of what is not", async () => {
  const hash = await api.rpc.chain.getFinalizedHead();
  const header = await api.rpc.chain.getHeader(hash);
  const keys = [
    api.query.system.account.key(bob.address),
    api.query.system.account.key(newcomer().address),
    api.query.balances.totalIssuance.key(),
    api.query.system.digest.key(),
  ];
  const proof = await api.rpc.state.getReadProof(keys, hash);
  assert.equal(proof.at.toHex(), hash.toHex());
  const values = await Promise.all(keys.map((key) => raw(api, "state_getStorage", [key, hash.toHex()])));
  assert.equal(values[1], null);
  fact("read proof", { root: header.stateRoot.toHex(), proof: proof.proof.map((node) => node.toHex()), keys, values });
});

await check("queries a range of blocks for changes", async () => {
  const last = await api.rpc.chain.getHeader();
  const first = await api.rpc.chain.getBlockHash(last.number.toNumber() - 3);
  const sets = await api.rpc.state.queryStorage([api.query.timestamp.now.key()], first, last.hash);
  assert.equal(sets.length, 4);
});

// --- subscriptions ----------------------------------------------------------------

await check("receives new heads, one after another", async () => {
  const heads = new Stream("a new head");
  const stop = await api.rpc.chain.subscribeNewHeads(heads.push);
  const numbers = (await heads.take(4)).map((header) => header.number.toNumber());
  stop();
  assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index));
});

await check("receives every finalized head, none left out", async () => {
  const heads = new Stream("a finalized head");
  const stop = await api.rpc.chain.subscribeFinalizedHeads(heads.push);
  const headers = await heads.take(5);
  stop();
  for (let index = 1; index < headers.length; index++) {
    assert.equal(headers[index].parentHash.toHex(), headers[index - 1].hash.toHex());
  }
});

await check("receives all heads", async () => {
  const heads = new Stream("a head");
  const stop = await api.rpc.chain.subscribeAllHeads(heads.push);
  assert.equal((await heads.take(3)).length, 3);
  stop();
});

await check("receives a balance that changes, and nothing else", async () => {
  const watched = newcomer();
  const accounts = new Stream("a change of an account");
  const stop = await api.query.system.account(watched.address, accounts.push);
  assert.equal((await accounts.next()).data.free.toBigInt(), 0n);
  succeeded(await send(transfer(watched, 5n * BTT), alice));
  assert.equal((await accounts.next()).data.free.toBigInt(), 5n * BTT);
  succeeded(await send(transfer(bob, BTT), alice));
  succeeded(await send(transfer(watched, BTT), alice));
  assert.equal((await accounts.next()).data.free.toBigInt(), 6n * BTT);
  stop();
});

await check("receives the runtime version at once", async () => {
  const versions = new Stream("a runtime version");
  const stop = await api.rpc.state.subscribeRuntimeVersion(versions.push);
  assert.equal((await versions.next()).specVersion.toNumber(), 100);
  stop();
});

await check("ends subscriptions, and gets an error when there is none", async () => {
  const { provider } = api._rpcCore;
  const heads = new Stream("a head");
  const id = await provider.subscribe("chain_newHead", "chain_subscribeNewHeads", [], (_, head) => heads.push(head));
  await heads.next();
  assert.equal(await provider.unsubscribe("chain_newHead", "chain_unsubscribeNewHeads", id), true);
  assert.equal(await raw(api, "chain_unsubscribeNewHeads", [id]), false);
  assert.equal(await raw(api, "state_unsubscribeStorage", ["no subscription has this id"]), false);
});

// --- fees and transfers -----------------------------------------------------------

await check("estimates the fee that is then paid", async () => {
  const tx = transfer(charlie, 12n * BTT);
  const info = await tx.paymentInfo(alice);
  assert.equal(info.class.type, "Normal");
  assert.ok(info.weight.refTime.toBigInt() > 0n);
  const outcome = succeeded(await send(tx, alice));
  const paid = outcome.found("transactionPayment", "TransactionFeePaid")[0].event.data.actualFee.toBigInt();
  const estimate = info.partialFee.toBigInt();
  const apart = estimate > paid ? estimate - paid : paid - estimate;
  assert.ok(apart * 100n <= paid, `estimated ${estimate}, paid ${paid}`);
});

await check("adds the parts of a fee up to the whole", async () => {
  const tx = transfer(charlie, BTT);
  await tx.signAsync(alice, { nonce: -1, tip: 7n });
  const hex = tx.toHex();
  // The client's own `payment.queryInfo` still expects the weight of years ago.
  const info = await raw(api, "payment_queryInfo", [hex]);
  assert.deepEqual(Object.keys(info.weight), ["ref_time", "proof_size"]);
  const details = await api.rpc.payment.queryFeeDetails(hex);
  const { baseFee, lenFee, adjustedWeightFee } = details.inclusionFee.unwrap();
  const sum = [baseFee, lenFee, adjustedWeightFee].reduce((all, part) => all + part.toBigInt(), 0n);
  assert.equal(String(sum), info.partialFee);
  const called = await api.call.transactionPaymentApi.queryFeeDetails(tx.toU8a(), tx.encodedLength);
  assert.equal(called.tip.toBigInt(), 7n);
});

await check("finds no fee for an unsigned extrinsic", async () => {
  const details = await api.rpc.payment.queryFeeDetails(api.tx.timestamp.set(1).toHex());
  assert.ok(details.inclusionFee.isNone);
});

await check("moves money with an sr25519 signature, to finality", async () => {
  const to = newcomer();
  const outcome = succeeded(await send(transfer(to, 2n * BTT), alice));
  assert.ok(outcome.statuses.includes("Ready"), String(outcome.statuses));
  assert.equal(outcome.statuses.at(-1), "Finalized");
  assert.equal(await free(to), 2n * BTT);
});

for (const [scheme, pair] of [
  ["ed25519", edith],
  ["ecdsa", ecco],
]) {
  await check(`moves money with an ${scheme} signature, to finality`, async () => {
    succeeded(await send(transfer(pair, 5n * BTT), alice));
    const to = newcomer();
    succeeded(await send(transfer(to, BTT), pair));
    assert.equal(await free(to), BTT);
    assert.equal(await nonceOf(pair), 1);
  });
}

await check("decodes the events of a transfer in their order", async () => {
  const outcome = succeeded(await send(transfer(newcomer(), 2n * BTT), alice, { tip: 1000n }));
  const names = outcome.events.map(({ event }) => `${event.section}.${event.method}`);
  assert.equal(names[0], "balances.Withdraw");
  for (const name of ["system.NewAccount", "balances.Endowed", "balances.Transfer", "transactionPayment.TransactionFeePaid"]) {
    assert.ok(names.includes(name), `${name} is missing in ${names}`);
  }
  assert.equal(names.at(-2), "transactionPayment.TransactionFeePaid");
  assert.equal(outcome.found("transactionPayment", "TransactionFeePaid")[0].event.data.tip.toBigInt(), 1000n);
  const at = await api.at(outcome.block);
  const records = await at.query.system.events();
  assert.equal((await at.query.system.eventCount()).toNumber(), records.length);
});

await check("finds the transaction unchanged in its block", async () => {
  const tx = transfer(bob, BTT);
  await tx.signAsync(alice, { nonce: -1 });
  const sent = tx.toHex();
  const outcome = await soon(
    new Promise((resolve, reject) => {
      tx.send((result) => result.isFinalized && resolve(result)).catch(reject);
    }),
    "finality",
  );
  const { block } = await api.rpc.chain.getBlock(outcome.status.asFinalized);
  assert.equal(block.extrinsics[outcome.txIndex].toHex(), sent);
  assert.equal(outcome.txHash.toHex(), blake2AsHex(sent));
});

// --- calls that carry calls -------------------------------------------------------

await check("sends a batch, and receives the place where it stopped", async () => {
  const [one, two] = [newcomer(), newcomer()];
  const good = succeeded(await send(api.tx.utility.batch([transfer(one, BTT), transfer(two, BTT)]), alice));
  assert.equal(good.found("utility", "ItemCompleted").length, 2);
  assert.equal(good.found("utility", "BatchCompleted").length, 1);
  const third = newcomer();
  const bad = succeeded(
    await send(api.tx.utility.batch([transfer(one, BTT), transfer(two, 10n ** 30n), transfer(third, BTT)]), alice),
  );
  const { index, error } = bad.found("utility", "BatchInterrupted")[0].event.data;
  assert.equal(index.toNumber(), 1);
  assert.equal(error.asToken.type, "FundsUnavailable");
  assert.deepEqual([await free(one), await free(third)], [2n * BTT, 0n]);
});

await check("sends a batch of all or nothing", async () => {
  const one = newcomer();
  const outcome = await send(api.tx.utility.batchAll([transfer(one, BTT), transfer(bob, 10n ** 30n)]), alice);
  assert.equal(outcome.error.asToken.type, "FundsUnavailable");
  assert.equal(outcome.found("system", "ExtrinsicFailed").length, 1);
  assert.equal(await free(one), 0n);
  succeeded(await send(api.tx.utility.batchAll([transfer(one, BTT), transfer(one, BTT)]), alice));
  assert.equal(await free(one), 2n * BTT);
});

await check("sends a batch that goes on after a failure", async () => {
  const [one, two] = [newcomer(), newcomer()];
  const outcome = succeeded(
    await send(api.tx.utility.forceBatch([transfer(one, BTT), transfer(bob, 10n ** 30n), transfer(two, BTT)]), alice),
  );
  assert.equal(outcome.found("utility", "ItemFailed")[0].event.data.error.asToken.type, "FundsUnavailable");
  assert.equal(outcome.found("utility", "BatchCompletedWithErrors").length, 1);
  assert.deepEqual([await free(one), await free(two)], [BTT, BTT]);
});

await check("spends from a multisig of two in three", async () => {
  const members = [alice, bob, charlie].map((pair) => pair.address);
  const fund = encodeAddress(createKeyMulti(members, 2), 42);
  const others = (pair) => sortAddresses(members.filter((address) => address !== pair.address), 42);
  succeeded(await send(transfer(fund, 10n * BTT), alice));
  const to = newcomer();
  const call = transfer(to, 4n * BTT);
  const weight = (await call.paymentInfo(alice)).weight;
  const opened = succeeded(
    await send(api.tx.multisig.approveAsMulti(2, others(alice), null, call.method.hash, weight), alice),
  );
  const [, id, callHash] = opened.found("multisig", "NewMultisig")[0].event.data;
  assert.equal(id.toString(), fund);
  const pending = (await api.query.multisig.multisigs(fund, callHash)).unwrap();
  const { height, index } = pending.when;
  assert.equal(pending.approvals.length, 1);
  const wrong = await send(
    api.tx.multisig.asMulti(2, others(bob), { height: height.toNumber() + 1, index }, call.method, weight),
    bob,
  );
  assert.match(explained(wrong.error), /^multisig\.WrongTimepoint: \S/);
  const done = succeeded(await send(api.tx.multisig.asMulti(2, others(bob), { height, index }, call.method, weight), bob));
  assert.ok(done.found("multisig", "MultisigExecuted")[0].event.data.result.isOk);
  assert.equal(await free(to), 4n * BTT);
  assert.ok((await api.query.multisig.multisigs(fund, callHash)).isNone);
  fact("multisig account", { members, threshold: 2, address: fund });
});

await check("acts through a proxy, and no longer once it is removed", async () => {
  succeeded(await send(api.tx.proxy.addProxy(eve.address, "Any", 0), dave));
  const [definitions, deposit] = await api.query.proxy.proxies(dave.address);
  assert.equal(definitions[0].delegate.toString(), eve.address);
  assert.ok(deposit.toBigInt() > 0n);
  const to = newcomer();
  const used = succeeded(await send(api.tx.proxy.proxy(dave.address, null, transfer(to, BTT)), eve));
  assert.ok(used.found("proxy", "ProxyExecuted")[0].event.data.result.isOk);
  assert.equal(await free(to), BTT);
  succeeded(await send(api.tx.proxy.removeProxy(eve.address, "Any", 0), dave));
  const outcome = await send(api.tx.proxy.proxy(dave.address, null, transfer(to, BTT)), eve);
  assert.match(explained(outcome.error), /^proxy\.NotProxy: \S/);
});

await check("keeps a proxy within its kind", async () => {
  succeeded(await send(api.tx.proxy.addProxy(eve.address, "NonTransfer", 0), dave));
  const outcome = succeeded(await send(api.tx.proxy.proxy(dave.address, null, transfer(bob, BTT)), eve));
  const { result } = outcome.found("proxy", "ProxyExecuted")[0].event.data;
  assert.equal(explained(result.asErr).split(":")[0], "system.CallFiltered");
  succeeded(await send(api.tx.proxy.removeProxies(), dave));
});

await check("makes a pure proxy and acts as it", async () => {
  const made = succeeded(await send(api.tx.proxy.createPure("Any", 0, 0), dave));
  const pure = made.found("proxy", "PureCreated")[0].event.data.pure.toString();
  succeeded(await send(transfer(pure, 3n * BTT), alice));
  const to = newcomer();
  succeeded(await send(api.tx.proxy.proxy(pure, null, transfer(to, BTT)), dave));
  assert.equal(await free(to), BTT);
});

await check("vests by the block, and pays out what is free", async () => {
  const holder = newcomer();
  succeeded(await send(transfer(holder, 10n * BTT), alice));
  const schedule = { locked: 1000n * BTT, perBlock: BTT, startingBlock: 0 };
  succeeded(await send(api.tx.vesting.vestedTransfer(holder.address, schedule), alice));
  const [info] = (await api.query.vesting.vesting(holder.address)).unwrap();
  assert.deepEqual([info.locked.toBigInt(), info.perBlock.toBigInt()], [1000n * BTT, BTT]);
  const outcome = succeeded(await send(api.tx.vesting.vest(), holder));
  const updated = outcome.found("vesting", "VestingUpdated").length + outcome.found("vesting", "VestingCompleted").length;
  assert.equal(updated, 1);
  const { data } = await api.query.system.account(holder.address);
  assert.ok(data.frozen.toBigInt() < 1000n * BTT);
  assert.equal((await free(holder)) > 1000n * BTT, true);
});

await check("refuses money that is locked by vesting", async () => {
  const holder = newcomer();
  succeeded(await send(transfer(holder, 10n * BTT), alice));
  const schedule = { locked: 1000n * BTT, perBlock: BTT / 1000n, startingBlock: 0 };
  succeeded(await send(api.tx.vesting.vestedTransfer(holder.address, schedule), alice));
  const outcome = await send(transfer(bob, 500n * BTT), holder);
  assert.equal(outcome.error.asToken.type, "Frozen");
  const balances = await api.derive.balances.all(holder.address);
  const locked = balances.vestingLocked.toBigInt();
  assert.ok(locked > 990n * BTT && locked <= 1000n * BTT, String(locked));
  assert.ok(balances.transferable.toBigInt() < 11n * BTT);
});

await check("acts as root through sudo, if Alice asks", async () => {
  const [from, to] = [newcomer(), newcomer()];
  succeeded(await send(transfer(from, 5n * BTT), alice));
  const forced = api.tx.balances.forceTransfer(from.address, to.address, 2n * BTT);
  const outcome = succeeded(await send(api.tx.sudo.sudo(forced), alice));
  assert.ok(outcome.found("sudo", "Sudid")[0].event.data.sudoResult.isOk);
  assert.equal(await free(to), 2n * BTT);
});

// --- governance, work and assets, from the metadata alone ----------------------------

await check("proposes with an origin of its own, and votes", async () => {
  const proposed = api.tx.system.remark("0x6869").method;
  const hash = blake2AsHex(proposed.toU8a());
  const index = (await api.query.referenda.referendumCount()).toNumber();
  const lookup = { Lookup: { hash, len: proposed.encodedLength } };
  const vote = { Standard: { vote: { aye: true, conviction: "Locked1x" }, balance: BTT } };
  succeeded(
    await send(
      api.tx.utility.batchAll([
        api.tx.preimage.notePreimage(proposed.toHex()),
        api.tx.referenda.submit({ Origins: "Technical" }, lookup, { After: 10 }),
        api.tx.convictionVoting.vote(index, vote),
      ]),
      alice,
    ),
  );
  const info = (await api.query.referenda.referendumInfoFor(index)).unwrap().asOngoing;
  assert.equal(info.origin.asOrigins.type, "Technical");
  assert.equal(info.proposal.asLookup.hash_.toHex(), hash);
  const track = info.track.toNumber();
  const voting = (await api.query.convictionVoting.votingFor(alice.address, track)).asCasting;
  assert.equal(voting.votes[0][1].asStandard.balance.toBigInt(), BTT);
  const tracks = api.consts.referenda.tracks.map(([id]) => id.toNumber());
  assert.ok(tracks.includes(track), String(tracks));
});

await check("sets an identity, and a registrar judges it", async () => {
  const who = newcomer();
  const registrar = (await api.query.identity.registrars()).length;
  succeeded(
    await send(
      api.tx.utility.batchAll([
        transfer(who, 100n * BTT),
        api.tx.sudo.sudo(api.tx.identity.addRegistrar(alice.address)),
      ]),
      alice,
    ),
  );
  const none = { None: null };
  const info = {
    display: { Raw: "Clinic" }, legal: none, web: { Raw: "" }, matrix: none, email: none,
    pgpFingerprint: null, image: none, twitter: none, github: none, discord: none,
  };
  succeeded(await send(api.tx.identity.setIdentity(info), who));
  const known = (await api.query.identity.identityOf(who.address)).unwrap();
  const registration = known.info ? known : known[0];
  assert.equal(registration.info.display.asRaw6?.toUtf8() ?? registration.info.display.value.toUtf8(), "Clinic");
  const hash = blake2AsHex(registration.info.toU8a());
  succeeded(await send(api.tx.identity.provideJudgement(registrar, who.address, "Reasonable", hash), alice));
});

await check("registers a provider, and finds it through the runtime", async () => {
  const who = newcomer();
  succeeded(await send(transfer(who, 2000n * BTT), alice));
  const info = {
    kind: "Clinic", region: null, classes: [0], capacity: 1, vrf: u8aToHex(who.publicKey),
    seal: `0x${"42".repeat(32)}`, endpoints: "/ip4/192.0.2.1/tcp/30334/p2p/12D3KooWUnknown",
  };
  const outcome = succeeded(await send(api.tx.providers.register(info, 1000n * BTT), who));
  assert.equal(outcome.events.filter(({ event }) => event.section === "providers").length > 0, true);
  const found = await raw(api, "work_provider", [who.address]);
  assert.equal(found.info?.capacity ?? found.capacity, 1);
});

await check("names what is wrong with an order of an asset that is not there", async () => {
  const order = api.tx.exchange.placeOrder(77, "Buy", 10, BTT, "Immediate", null);
  const outcome = await send(order, alice);
  assert.match(explained(outcome.error), /^exchange\.NotListed: \S/);
});

// --- calls that fail --------------------------------------------------------------

await check("explains a module's error with its words", async () => {
  const outcome = await send(api.tx.sudo.sudo(api.tx.system.remark("0x00")), bob);
  assert.match(explained(outcome.error), /^sudo\.RequireSudo: \S/);
  const failed = outcome.found("system", "ExtrinsicFailed")[0].event.data;
  assert.ok(failed.dispatchError.isModule);
  assert.ok(failed.dispatchInfo.weight.refTime.toBigInt() > 0n);
});

await check("names errors that belong to no module", async () => {
  const outcome = await send(transfer(bob, 10n ** 30n), alice);
  assert.equal(outcome.error.asToken.type, "FundsUnavailable");
  const rooted = await send(api.tx.balances.forceTransfer(alice.address, bob.address, 1n), alice);
  assert.ok(rooted.error.isBadOrigin);
  const small = await send(transfer(newcomer(), 1n), alice);
  assert.equal(small.error.asToken.type, "BelowMinimum");
  const dying = newcomer();
  succeeded(await send(transfer(dying, BTT), alice));
  const last = await send(transfer(bob, BTT - 10n ** 15n / 2n), dying);
  assert.ok(last.error.isToken, last.error.toString());
});

await check("lets an account die, and its dust go to the treasury", async () => {
  const dying = newcomer();
  succeeded(await send(transfer(dying, BTT), alice));
  const outcome = succeeded(await send(api.tx.balances.transferAll(bob.address, false), dying));
  assert.equal(outcome.found("system", "KilledAccount").length, 1);
  assert.equal(await free(dying), 0n);
});

// --- everything there is ---------------------------------------------------------

await check("reads every item of the storage", async () => {
  const { substrate, ...pallets } = api.query;
  for (const items of Object.values(pallets)) {
    for (const item of Object.values(items)) {
      if (item.creator?.meta.type.isMap) await item.entries();
      else await item();
    }
  }
  assert.ok(substrate);
});

await check("encodes every call so that the node can read it", async () => {
  // The empty value of an enum is its variant 0, which this one does not have.
  const values = { SpConsensusBabeDigestsNextConfigDescriptor: { V1: { c: [1, 4], allowedSlots: "PrimarySlots" } } };
  for (const [section, calls] of Object.entries(api.tx)) {
    for (const [name, make] of Object.entries(calls)) {
      const args = make.meta.args.map(({ type }) => api.registry.createType(type.toString(), values[type.toString()]));
      const tx = make(...args);
      const info = await tx.paymentInfo(alice);
      assert.ok(info.partialFee.toBigInt() > 0n, `${section}.${name}`);
      assert.equal(api.registry.createType("Call", tx.method.toHex()).toHex(), tx.method.toHex());
    }
  }
});

// --- mortality and nonces ---------------------------------------------------------

await check("signs for a short life by default, and the era is read back", async () => {
  const tx = transfer(bob, BTT);
  await tx.signAsync(alice, { nonce: -1 });
  assert.ok(tx.era.isMortalEra);
  const best = (await api.rpc.chain.getHeader()).number.toNumber();
  const [birth, death] = [tx.era.asMortalEra.birth(best), tx.era.asMortalEra.death(best)];
  assert.ok(best - 4 <= birth && birth <= best && best < death, `${birth}..${death} at ${best}`);
  succeeded(await send(transfer(bob, BTT), alice));
  succeeded(await send(transfer(bob, BTT), alice, { era: 0 }));
});

// A node that makes a block when asked leaves time to look into its pool.

await need("connects to a node that seals on demand", async () => {
  manual = await soon(
    ApiPromise.create({
      provider: new WsProvider(MANUAL),
      rpc: {
        engine: {
          createBlock: {
            description: "",
            params: [
              { name: "empty", type: "bool" },
              { name: "final", type: "bool" },
            ],
            type: "Json",
          },
        },
      },
    }),
    "the second node",
  );
  await seal();
});

await check("refuses a transaction whose life is over", async () => {
  for (let block = 0; block < 8; block++) await seal();
  const best = (await manual.rpc.chain.getHeader()).number.toNumber();
  const born = best - 6;
  const era = manual.registry.createTypeUnsafe("ExtrinsicEra", [{ current: born, period: 4 }]);
  const tx = transfer(bob, BTT, manual);
  const blockHash = await manual.rpc.chain.getBlockHash(born);
  await tx.signAsync(alice, { nonce: await nonceOf(alice, manual), blockHash, era });
  await refused(tx.send(), 1010, "Transaction has a bad signature", "Invalid Transaction");
});

await check("refuses a transaction that was born in no block it knows", async () => {
  const best = (await manual.rpc.chain.getHeader()).number.toNumber();
  const era = manual.registry.createTypeUnsafe("ExtrinsicEra", [{ current: best + 30_000, period: 65_536 }]);
  const tx = transfer(bob, BTT, manual);
  await tx.signAsync(alice, { nonce: await nonceOf(alice, manual), blockHash: manual.genesisHash, era });
  await refused(tx.send(), 1010, "Transaction has an ancient birth block", "Invalid Transaction");
});

await check("counts transactions in the pool into the next nonce", async () => {
  const before = await nextNonce();
  assert.equal((await manual.rpc.system.accountNextIndex(alice.address)).toNumber(), before);
  const hash = await transfer(bob, BTT, manual).signAndSend(alice, { nonce: before });
  assert.equal((await manual.rpc.system.accountNextIndex(alice.address)).toNumber(), before + 1);
  assert.equal(await nonceOf(alice, manual), before);
  await transfer(bob, BTT, manual).signAndSend(alice, { nonce: before + 1 });
  assert.equal((await manual.rpc.system.accountNextIndex(alice.address)).toNumber(), before + 2);
  const pending = (await manual.rpc.author.pendingExtrinsics()).map((extrinsic) => extrinsic.hash.toHex());
  assert.equal(pending.length, 2);
  assert.ok(pending.includes(hash.toHex()));
  await seal();
  assert.equal(await nonceOf(alice, manual), before + 2);
  assert.equal((await manual.rpc.author.pendingExtrinsics()).length, 0);
});

await check("keeps a transaction from the future until its turn comes", async () => {
  const nonce = await nextNonce();
  const later = await follow(transfer(bob, BTT, manual), alice, { nonce: nonce + 1 });
  assert.ok((await later.stream.next()).isFuture);
  assert.equal((await manual.rpc.author.pendingExtrinsics()).length, 0);
  assert.equal((await manual.rpc.system.accountNextIndex(alice.address)).toNumber(), nonce);
  const now = await follow(transfer(bob, BTT, manual), alice, { nonce });
  assert.ok((await now.stream.next()).isReady);
  assert.ok((await later.stream.next()).isReady);
  await seal();
  await now.stream.until((status) => status.isFinalized);
  await later.stream.until((status) => status.isFinalized);
  assert.equal(await nonceOf(alice, manual), nonce + 2);
});

await check("replaces a transaction by one with a higher tip", async () => {
  const nonce = await nextNonce();
  const first = await follow(transfer(bob, BTT, manual), alice, { nonce, tip: 0 });
  assert.ok((await first.stream.next()).isReady);
  const tx = transfer(charlie, BTT, manual);
  const second = await follow(tx, alice, { nonce, tip: 10n ** 12n });
  assert.ok((await second.stream.next()).isReady);
  const usurped = await first.stream.until((status) => status.isUsurped);
  assert.equal(usurped.asUsurped.toHex(), tx.hash.toHex());
  const low = await refused(transfer(dave, BTT, manual).signAndSend(alice, { nonce, tip: 10n ** 11n }), 1014);
  assert.match(low.message, /Priority is too low: \(\d+ vs \d+\)/);
  assert.equal(low.data, "The transaction has too low priority to replace another transaction already in the pool.");
  await seal();
  await second.stream.until((status) => status.isFinalized);
});

await check("refuses what it holds already, and what is over", async () => {
  const nonce = await nextNonce();
  const tx = transfer(bob, BTT, manual);
  await tx.signAsync(alice, { nonce });
  await tx.send();
  const twice = await refused(tx.send(), 1013, tx.hash.toHex(), "Transaction Already Imported");
  assert.ok(twice.message.startsWith("1013: "));
  await seal();
  const stale = transfer(bob, 2n * BTT, manual);
  await stale.signAsync(alice, { nonce });
  await refused(stale.send(), 1010, "Transaction is outdated", "1010: Invalid Transaction: Transaction is outdated");
});

await check("stops to watch a transaction that goes on without it", async () => {
  const nonce = await nextNonce();
  const { stream, stop } = await follow(transfer(bob, BTT, manual), alice, { nonce });
  assert.ok((await stream.next()).isReady);
  stop();
  await manual.rpc.system.chain();
  const seen = stream.seen.length;
  await seal();
  await manual.rpc.system.chain();
  assert.equal(stream.seen.length, seen);
  assert.equal(await nonceOf(alice, manual), nonce + 1);
});

await check("drops a mortal transaction that was never included", async () => {
  const nonce = await nextNonce();
  const tx = transfer(bob, BTT, manual);
  const { stream } = await follow(tx, alice, { nonce: nonce + 1, era: 4 });
  assert.ok((await stream.next()).isFuture);
  for (let block = 0; block < 6; block++) await seal();
  const end = await stream.until((status) => !status.isFuture && !status.isReady);
  assert.ok(end.isInvalid || end.isDropped, end.type);
});

// --- refusals ---------------------------------------------------------------------

await check("refuses a bad signature, each time on a chain that is sealed by hand", async () => {
  const tx = transfer(bob, BTT, manual);
  await tx.signAsync(alice, { nonce: await nextNonce(), genesisHash: `0x${"11".repeat(32)}` });
  const words = "Transaction has a bad signature";
  for (let time = 0; time < 2; time++) await refused(tx.send(), 1010, words, `1010: Invalid Transaction: ${words}`);
});

await check("refuses who cannot pay", async () => {
  const words = "Inability to pay some fees (e.g. account balance too low)";
  await refused(transfer(bob, 1n, manual).signAndSend(newcomer(), { nonce: 0 }), 1010, words);
  const poor = newcomer();
  await transfer(poor, 10n ** 15n, manual).signAndSend(alice, { nonce: await nextNonce() });
  await seal();
  await refused(transfer(bob, 1n, manual).signAndSend(poor, { nonce: 0, tip: 10n ** 16n }), 1010, words);
});

await check("refuses what is too heavy for any block", async () => {
  const heavy = manual.tx.sudo.sudoUncheckedWeight(manual.tx.system.remark("0x00"), { refTime: 10n ** 13n, proofSize: 0 });
  const nonce = await nextNonce();
  await refused(heavy.signAndSend(alice, { nonce }), 1010, "Transaction would exhaust the block limits");
});

await check("refuses inherents and other unsigned calls from outside", async () => {
  await refused(
    manual.tx.timestamp.set(1_700_000_000_000).send(),
    1010,
    "Transaction dispatch is mandatory; transactions must not be validated.",
  );
  await refused(manual.tx.system.remark("0x0102").send(), 1011, "NoUnsignedValidator", "Unknown Transaction Validity");
});

await check("refuses a signature over another digest of the metadata", async () => {
  const tx = transfer(bob, BTT, manual);
  const options = { nonce: await nextNonce(), mode: 1, metadataHash: `0x${"22".repeat(32)}` };
  await tx.signAsync(alice, options);
  await refused(tx.send(), 1010, "Transaction has a bad signature");
});

await check("pays with a signature over the digest of the metadata", async () => {
  const described = (await api.call.metadata.metadataAtVersion(15)).unwrap();
  const { merkleizeMetadata } = await merkleization();
  const digest = merkleizeMetadata(described.toU8a(), { decimals: 18, tokenSymbol: "BTT" }).digest();
  const options = { mode: 1, metadataHash: u8aToHex(digest) };
  for (const payer of [alice, edith, ecco]) {
    if (payer !== alice) succeeded(await send(transfer(payer, BTT), alice));
    succeeded(await send(transfer(bob, 10n ** 15n), payer, options));
  }
});

await check("refuses bytes that are no transaction", async () => {
  const problem = await refusal(raw(manual, "author_submitExtrinsic", ["0x1284ff00"]));
  assert.equal(problem.code, 1001, String(problem));
  assert.match(problem.message, /Extrinsic has invalid format: \S/);
  const nothing = await refusal(raw(manual, "author_submitExtrinsic", ["0x"]));
  assert.equal(nothing.code, 1001, String(nothing));
});

await check("receives the reason against a call of the API", async () => {
  const nowhere = "0x" + "11".repeat(32);
  for (const [method, params, code, words] of [
    ["chain_makeCoffee", [], -32601, "Method not found"],
    ["state_getStorage", ["not hex"], -32602, "Invalid params"],
    ["state_getStorage", [], -32602, "Invalid params"],
    ["chain_getHeader", [1, 2, 3], -32602, "Invalid params"],
    ["state_getKeysPaged", ["0x", 1001], 4002, "count exceeds maximum value. value: 1001, max: 1000"],
    ["state_getStorage", ["0x00", nowhere], 4003, "Client error: UnknownBlock"],
    ["state_call", ["Unknown_method", "0x"], 4003, "Client error: Execution failed: Other: Exported method Unknown_method is not found"],
    ["system_accountNextIndex", ["no address"], -32602, "Invalid params"],
  ]) {
    const problem = await refusal(raw(api, method, params));
    assert.equal(problem.code, code, `${method}: ${problem}`);
    assert.ok(problem.message.includes(words), `${method}: ${problem}`);
  }
});

await check("tries a transaction without sending it", async () => {
  const good = transfer(bob, BTT);
  await good.signAsync(alice, { nonce: -1 });
  assert.ok((await good.dryRun(alice, { nonce: -1 })).isOk);
  const bad = await transfer(bob, 10n ** 30n).dryRun(alice, { nonce: -1 });
  // The client still has an old name for the first of the token errors.
  assert.equal(bad.asOk.asErr.asToken.index, 0);
  const stale = await transfer(bob, BTT).dryRun(alice, { nonce: 0 });
  assert.ok(stale.asErr.asInvalid.isStale);
});

// --- runtime calls ----------------------------------------------------------------

await check("asks the runtime about nonces and validity", async () => {
  const hash = await api.rpc.chain.getFinalizedHead();
  const at = await api.at(hash);
  const nonce = await at.call.accountNonceApi.accountNonce(alice.address);
  assert.equal(nonce.toNumber(), await nonceOf(alice, at));
  const tx = transfer(bob, BTT);
  // Immortal: a mortal era may begin at a block after the one that is asked.
  await tx.signAsync(alice, { nonce: 0, era: 0 });
  const verdict = await at.call.taggedTransactionQueue.validateTransaction("External", tx.toU8a(), hash);
  assert.equal(u8aToHex(verdict.toU8a()), "0x010003");
  await tx.signAsync(alice, { nonce: nonce.toNumber() + 5, era: 0 });
  const later = (await at.call.taggedTransactionQueue.validateTransaction("External", tx.toU8a(), hash)).asOk;
  assert.deepEqual([later.requires.length, later.provides.length], [1, 1]);
});

await check("derives what its apps show", async () => {
  const header = await api.derive.chain.getHeader(await api.rpc.chain.getBlockHash(2));
  assert.equal(header.number.toNumber(), 2);
  const block = await api.derive.chain.getBlock(await api.rpc.chain.getBlockHash(2));
  assert.equal(block.extrinsics.length, block.block.extrinsics.length);
  const all = await api.derive.balances.all(alice.address);
  assert.ok(all.transferable.toBigInt() > 0n);
  assert.equal((await api.derive.balances.account(bob.address)).freeBalance.toBigInt(), await free(bob));
  assert.ok((await api.derive.chain.bestNumberFinalized()).toNumber() > 0);
});

await check("serves HTTP on the same port", async () => {
  const answer = await fetch(CLOCKED.replace("ws://", "http://"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: "seven", method: "system_chain" }),
  });
  assert.deepEqual(await answer.json(), { jsonrpc: "2.0", id: "seven", result: "BTT Development (sealed by hand)" });
});

await check("complains of nothing in the metadata or the API", async () => {
  // It lists what only other clients call, and shows refusals that the checks above provoked.
  const expected = /RPC methods not decorated: (archive_v1|chainHead_v1|chainSpec_v1|transaction_v1|transactionWatch_v1)|RPC-CORE/;
  const rest = complaints.filter((words) => !expected.test(words));
  assert.deepEqual(rest, []);
});

finish();

// polkadot-api, unmodified, against a started node: over the new API as the node speaks it, with the
// client's own mending in between, and with the legacy API alone.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { Keyring } from "@polkadot/keyring";
import { blake2AsHex, blake2AsU8a, cryptoWaitReady } from "@polkadot/util-crypto";
import { createClient } from "polkadot-api";
import { getPolkadotSigner, withMetadataHash } from "polkadot-api/signer";
import { getWsProvider, getWsRawProvider } from "polkadot-api/ws";
import WebSocket from "ws";

import { CLOCKED, MANUAL, Stream, check, finish, need, refusal, sleep, soon } from "./checks.mjs";
import { Raw } from "./raw.mjs";

// Parts of the client that it does not hand out itself, in the versions that it uses.
const inside = createRequire(import.meta.resolve("polkadot-api"));
const part = (name) => import(pathToFileURL(inside.resolve(name)).href);
const { withLegacy } = await part("@polkadot-api/ws-middleware");
const { Blake2256, decAnyMetadata, getMultisigAccountId, blockHeader, validateProofs } = await part(
  "@polkadot-api/substrate-bindings",
);

const BTT = 10n ** 18n;
const { toHex, fromHex } = await part("@polkadot-api/utils");
await cryptoWaitReady();
const rings = {
  Sr25519: new Keyring({ type: "sr25519", ss58Format: 42 }),
  Ed25519: new Keyring({ type: "ed25519", ss58Format: 42 }),
  Ecdsa: new Keyring({ type: "ecdsa", ss58Format: 42 }),
};

/** A key as PAPI takes it. For ecdsa it wants the account in place of the public key. */
function person(uri, scheme = "Sr25519") {
  const pair = rings[scheme].addFromUri(uri);
  const account = scheme === "Ecdsa" ? blake2AsU8a(pair.publicKey) : pair.publicKey;
  const signer = getPolkadotSigner(account, scheme, (bytes) => pair.sign(bytes));
  return { address: pair.address, account, signer };
}
const [alice, bob, charlie, dave, eve] = ["Alice", "Bob", "Charlie", "Dave", "Eve"].map((name) => person(`//${name}`));
let made = 0;
const newcomer = (scheme) => person(`//New//${process.pid}//${made++}`, scheme);
const id = (who) => ({ type: "Id", value: who.address ?? who });

/** Watch an observable as a stream; `stop` ends it. */
function listen(observable, what) {
  const stream = new Stream(what);
  const subscription = observable.subscribe({ next: stream.push, error: stream.push });
  return { stream, stop: () => subscription.unsubscribe() };
}

/** Run the checks that every way of talking to the node must pass. */
async function suite(way, provider) {
  const named = (name, body) => check(`${way}: ${name}`, body);
  let client;
  let api;

  const free = async (who, at = "best") => (await api.query.System.Account.getValue(who.address, { at })).data.free;
  const transfer = (to, value) => api.tx.Balances.transfer_keep_alive({ dest: id(to), value });
  /** Sign and follow to finality; the steps are kept. The nonce counts what is in the pool. */
  async function send(tx, who, options = {}) {
    const nonce = options.nonce ?? (await client._request("system_accountNextIndex", [who.address]));
    const steps = [];
    return soon(
      new Promise((resolve, reject) => {
        tx.signSubmitAndWatch(who.signer, { ...options, nonce }).subscribe({
          next: (event) => {
            steps.push(event.type);
            if (event.type === "finalized") resolve({ ...event, steps });
          },
          error: reject,
        });
      }),
      "finality of a transaction",
    );
  }
  const found = (outcome, pallet, name) =>
    outcome.events.filter(({ type, value }) => type === pallet && value.type === name).map(({ value }) => value.value);
  const succeeded = (outcome) => {
    assert.equal(outcome.ok, true, JSON.stringify(outcome.dispatchError));
    const last = outcome.events.at(-1);
    assert.equal(`${last.type}.${last.value.type}`, "System.ExtrinsicSuccess");
    return outcome;
  };
  const failed = (outcome) => {
    assert.equal(outcome.ok, false);
    const { type, value } = outcome.dispatchError;
    return type === "Module" ? `${value.type}.${value.value.type}` : value?.type ? `${type}.${value.type}` : type;
  };

  await need(`${way}: connects and follows the chain`, async () => {
    client = createClient(provider);
    api = client.getUnsafeApi();
    const block = await soon(client.getFinalizedBlock(), "a final block");
    assert.ok(block.number >= 0);
  });

  await named("names the chain", async () => {
    const { name, genesisHash, properties } = await client.getChainSpecData();
    // Without the new API the client has the program's name only.
    assert.equal(name, way.startsWith("the legacy") ? await client._request("system_name", []) : "BTT Development (sealed by hand)");
    assert.equal(genesisHash, await client._request("chain_getBlockHash", [0]));
    assert.deepEqual([properties.ss58Format, properties.tokenDecimals, properties.tokenSymbol].flat(), [42, 18, "BTT"]);
  });

  await named("takes the newest metadata, version 16", async () => {
    const { hash } = await client.getFinalizedBlock();
    const { metadata } = decAnyMetadata(await client.getMetadata(hash));
    assert.equal(metadata.tag, "v16");
    assert.deepEqual((await api.apis.Metadata.metadata_versions()).filter((v) => v < 2 ** 31).sort(), [14, 15, 16]);
    for (const version of [14, 15]) {
      const bytes = await api.apis.Metadata.metadata_at_version(version);
      assert.equal(decAnyMetadata(bytes).metadata.tag, `v${version}`);
    }
  });

  await named("reads constants and the runtime's version", async () => {
    assert.equal(await api.constants.Balances.ExistentialDeposit(), 10n ** 15n);
    assert.equal(await api.constants.System.SS58Prefix(), 42);
    const version = await api.constants.System.Version();
    assert.equal(version.spec_name, "btt");
    assert.deepEqual(await api.apis.Core.version(), version);
  });

  await named("receives final blocks, none left out, and of best ones", async () => {
    const { stream, stop } = listen(client.finalizedBlock$, "a final block");
    const blocks = await stream.take(4);
    stop();
    for (let index = 1; index < blocks.length; index++) {
      assert.equal(blocks[index].parent, blocks[index - 1].hash);
      assert.equal(blocks[index].number, blocks[index - 1].number + 1);
    }
    const best = listen(client.bestBlocks$, "best blocks");
    const [first, ...more] = await best.stream.take(3);
    best.stop();
    assert.ok(more.at(-1)[0].number >= first[0].number);
  });

  await named("reads header and body of a block, and their hashes fit", async () => {
    const { hash, number } = await client.getFinalizedBlock();
    const header = await client.getBlockHeader(hash);
    assert.equal(header.number, number);
    assert.equal(toHex(Blake2256(blockHeader.enc(header))), hash);
    const body = await client.getBlockBody(hash);
    assert.ok(body.length >= 1);
  });

  await named("reads what lies far back", async () => {
    const genesis = await client._request("chain_getBlockHash", [0]);
    assert.equal(await free(bob, genesis), 40_000n * BTT);
    const first = await client._request("chain_getBlockHash", [1]);
    assert.equal((await client.getBlockHeader(first)).number, 1);
    assert.equal((await client.getBlockBody(first)).length, 1);
    assert.equal(await api.query.System.Number.getValue({ at: first }), 1);
  });

  await named("queries values, several values and all entries", async () => {
    const [one, two] = await api.query.System.Account.getValues([[alice.address], [newcomer().address]], { at: "best" });
    assert.ok(one.data.free > 0n);
    assert.deepEqual([two.nonce, two.data.free], [0, 0n]);
    const { hash } = await client.getFinalizedBlock();
    const entries = await api.query.System.Account.getEntries({ at: hash });
    const issuance = await api.query.Balances.TotalIssuance.getValue({ at: hash });
    const sum = entries.reduce((all, { value }) => all + value.data.free + value.data.reserved, 0n);
    assert.equal(sum, issuance);
    assert.ok(entries.some(({ keyArgs: [address] }) => address === bob.address));
    assert.match(await client.rawQuery(":code"), /^0x/);
    assert.equal(await client.rawQuery("0x00"), null);
  });

  await named("proves what it reads", async () => {
    const { hash } = await client.getFinalizedBlock();
    const header = await client.getBlockHeader(hash);
    const keys = await Promise.all([
      api.query.System.Account.getKey(bob.address),
      api.query.System.Account.getKey(newcomer().address),
      api.query.Balances.TotalIssuance.getKey(),
    ]);
    const { at, proof } = await client._request("state_getReadProof", [keys, hash]);
    assert.equal(at, hash);
    const result = validateProofs(proof);
    assert.equal(result.rootHash, header.stateRoot);
    const value = await client._request("state_getStorage", [keys[0], hash]);
    const leaves = Object.values(result.proofs).map((node) => node.value);
    assert.ok(leaves.includes(value), "the account's value is not in the proof");
  });

  await named("estimates the fee that is then paid", async () => {
    const tx = transfer(charlie, 12n * BTT);
    const estimate = await tx.getEstimatedFees(alice.address);
    const { partial_fee, weight } = await tx.getPaymentInfo(alice.address);
    assert.equal(partial_fee, estimate);
    assert.ok(weight.ref_time > 0n);
    const [{ actual_fee, tip }] = found(succeeded(await send(tx, alice, { tip: 5n })), "TransactionPayment", "TransactionFeePaid");
    const apart = estimate > actual_fee ? estimate - actual_fee : actual_fee - estimate;
    assert.equal(tip, 5n);
    assert.ok(apart * 100n <= actual_fee, `estimated ${estimate}, paid ${actual_fee}`);
  });

  await named("moves money with an sr25519 signature, to finality", async () => {
    const to = newcomer();
    const outcome = succeeded(await send(transfer(to, 2n * BTT), alice));
    assert.equal(outcome.steps[0], "signed");
    assert.equal(outcome.steps.at(-1), "finalized");
    assert.equal(await free(to), 2n * BTT);
    const body = await client.getBlockBody(outcome.block.hash);
    assert.equal(toHex(Blake2256(body[outcome.block.index])), outcome.txHash);
  });

  for (const scheme of ["Ed25519", "Ecdsa"]) {
    await named(`moves money with an ${scheme.toLowerCase()} signature, to finality`, async () => {
      const [from, to] = [newcomer(scheme), newcomer()];
      succeeded(await send(transfer(from, 5n * BTT), alice));
      succeeded(await send(transfer(to, BTT), from));
      assert.equal(await free(to), BTT);
    });
  }

  await named("receives an account that changes", async () => {
    const watched = newcomer();
    const { stream, stop } = listen(api.query.System.Account.watchValue(watched.address, { at: "best" }), "a value");
    assert.equal((await stream.next()).value.data.free, 0n);
    succeeded(await send(transfer(watched, 5n * BTT), alice));
    assert.equal((await stream.until(({ value }) => value.data.free > 0n)).value.data.free, 5n * BTT);
    stop();
  });

  await named("receives events", async () => {
    const to = newcomer();
    const { stream, stop } = listen(api.event.Balances.Transfer.watch(), "events");
    const outcome = succeeded(await send(transfer(to, 3n * BTT), alice));
    const hit = await stream.until(({ events }) => events.some(({ payload }) => payload.to === to.address));
    stop();
    assert.equal(hit.block.hash, outcome.block.hash);
    const events = await api.event.Balances.Transfer.get(outcome.block.hash);
    assert.equal(events.find(({ payload }) => payload.to === to.address).payload.amount, 3n * BTT);
  });

  await named("sends immortal and short-lived transactions", async () => {
    succeeded(await send(transfer(bob, BTT), alice, { mortality: { mortal: false } }));
    succeeded(await send(transfer(bob, BTT), alice, { mortality: { mortal: true, period: 16 } }));
  });

  await named("sends batches, and sees what failed in them", async () => {
    const [one, two] = [newcomer(), newcomer()];
    const calls = [transfer(one, BTT), transfer(bob, 10n ** 30n), transfer(two, BTT)].map((tx) => tx.decodedCall);
    const plain = succeeded(await send(api.tx.Utility.batch({ calls }), alice));
    const [{ index, error }] = found(plain, "Utility", "BatchInterrupted");
    assert.deepEqual([index, error.type, error.value.type], [1, "Token", "FundsUnavailable"]);
    assert.equal(failed(await send(api.tx.Utility.batch_all({ calls }), alice)), "Token.FundsUnavailable");
    const forced = succeeded(await send(api.tx.Utility.force_batch({ calls }), alice));
    assert.equal(found(forced, "Utility", "ItemFailed").length, 1);
    assert.equal(found(forced, "Utility", "BatchCompletedWithErrors").length, 1);
    assert.deepEqual([await free(one), await free(two)], [2n * BTT, BTT]);
  });

  await named("reads a failed call's error", async () => {
    const remark = api.tx.System.remark({ remark: new Uint8Array([1]) }).decodedCall;
    assert.equal(failed(await send(api.tx.Sudo.sudo({ call: remark }), bob)), "Sudo.RequireSudo");
    assert.equal(failed(await send(transfer(bob, 10n ** 30n), alice)), "Token.FundsUnavailable");
    const forced = api.tx.Balances.force_transfer({ source: id(alice), dest: id(bob), value: 1n });
    assert.equal(failed(await send(forced, alice)), "BadOrigin");
  });

  await named("gets the reason why a transaction is invalid", async () => {
    const stale = await refusal(soon(transfer(bob, BTT).signAndSubmit(alice.signer, { nonce: 0 }), "a refusal"));
    assert.deepEqual([stale.name, stale.error?.type, stale.error?.value?.type], ["InvalidTxError", "Invalid", "Stale"], String(stale));
    const broke = await refusal(soon(transfer(bob, 1n).signAndSubmit(newcomer().signer), "a refusal"));
    assert.deepEqual([broke.error?.type, broke.error?.value?.type], ["Invalid", "Payment"], String(broke));
    const signed = await transfer(bob, BTT).sign(charlie.signer);
    signed[60] ^= 1;
    const forged = await refusal(soon(client.submit(signed), "a refusal"));
    assert.deepEqual([forged.error?.type, forged.error?.value?.type], ["Invalid", "BadProof"], String(forged));
  });

  await named("asks the runtime", async () => {
    const { hash } = await client.getFinalizedBlock();
    const { nonce } = await api.query.System.Account.getValue(alice.address, { at: hash });
    assert.equal(await api.apis.AccountNonceApi.account_nonce(alice.address, { at: hash }), nonce);
    const remark = api.tx.System.remark({ remark: new Uint8Array([1, 2]) });
    const info = await api.apis.TransactionPaymentCallApi.query_call_info(remark.decodedCall, 100);
    assert.equal(info.class.type, "Normal");
  });

  await named("decodes calls that it has encoded", async () => {
    const tx = transfer(bob, 7n);
    const again = await api.txFromCallData(await tx.getEncodedData());
    assert.deepEqual(again.decodedCall.value.value.value, 7n);
  });

  return { client, api, send, succeeded, failed, found, free, transfer, named };
}

/** What need not be done in every way. */
async function pallets({ client, api, send, succeeded, failed, found, free, transfer, named }) {
  await named("spends from a multisig of two in three", async () => {
    const members = [alice, bob, charlie];
    const account = getMultisigAccountId({ threshold: 2, signatories: members.map((member) => member.account) });
    const fund = rings.Sr25519.encodeAddress(account);
    const others = (who) =>
      members
        .filter((member) => member !== who)
        .sort((a, b) => Buffer.compare(a.account, b.account))
        .map((member) => member.address);
    succeeded(await send(transfer(fund, 10n * BTT), alice));
    const to = newcomer();
    const call = transfer(to, 4n * BTT);
    const { weight } = await call.getPaymentInfo(alice.address);
    const call_hash = toHex(blake2AsU8a(await call.getEncodedData()));
    const common = { threshold: 2, max_weight: weight };
    const opened = succeeded(
      await send(
        api.tx.Multisig.approve_as_multi({ ...common, other_signatories: others(alice), maybe_timepoint: undefined, call_hash }),
        alice,
      ),
    );
    assert.equal(found(opened, "Multisig", "NewMultisig")[0].multisig, fund);
    const { when } = await api.query.Multisig.Multisigs.getValue(fund, call_hash, { at: "best" });
    const second = { ...common, other_signatories: others(bob), call: call.decodedCall };
    const early = await send(api.tx.Multisig.as_multi({ ...second, maybe_timepoint: undefined }), bob);
    assert.equal(failed(early), "Multisig.NoTimepoint");
    const done = succeeded(await send(api.tx.Multisig.as_multi({ ...second, maybe_timepoint: when }), bob));
    assert.equal(found(done, "Multisig", "MultisigExecuted")[0].result.success, true);
    assert.equal(await free(to), 4n * BTT);
  });

  await named("acts through a proxy, and no longer once it is removed", async () => {
    const definition = { delegate: id(eve), proxy_type: { type: "Any" }, delay: 0 };
    succeeded(await send(api.tx.Proxy.add_proxy(definition), dave));
    const to = newcomer();
    const act = () =>
      api.tx.Proxy.proxy({ real: id(dave), force_proxy_type: undefined, call: transfer(to, BTT).decodedCall });
    const outcome = succeeded(await send(act(), eve));
    assert.equal(found(outcome, "Proxy", "ProxyExecuted")[0].result.success, true);
    assert.equal(await free(to), BTT);
    succeeded(await send(api.tx.Proxy.remove_proxy(definition), dave));
    assert.equal(failed(await send(act(), eve)), "Proxy.NotProxy");
  });

  await named("vests by the block, and pays out what is free", async () => {
    const holder = newcomer();
    succeeded(await send(transfer(holder, 10n * BTT), alice));
    const schedule = { locked: 1000n * BTT, per_block: BTT, starting_block: 0 };
    succeeded(await send(api.tx.Vesting.vested_transfer({ target: id(holder), schedule }), alice));
    const [info] = await api.query.Vesting.Vesting.getValue(holder.address, { at: "best" });
    assert.equal(info.locked, 1000n * BTT);
    const locked = await send(transfer(bob, 990n * BTT), holder);
    assert.equal(failed(locked), "Token.Frozen");
    const outcome = succeeded(await send(api.tx.Vesting.vest(), holder));
    assert.equal(found(outcome, "Vesting", "VestingUpdated")[0].account, holder.address);
  });

  await named("acts as root through sudo", async () => {
    const [from, to] = [newcomer(), newcomer()];
    succeeded(await send(transfer(from, 5n * BTT), alice));
    const call = api.tx.Balances.force_transfer({ source: id(from), dest: id(to), value: BTT }).decodedCall;
    const outcome = succeeded(await send(api.tx.Sudo.sudo({ call }), alice));
    assert.equal(found(outcome, "Sudo", "Sudid")[0].sudo_result.success, true);
    assert.equal(await free(to), BTT);
  });

  await named("sends nonces ahead, which wait for the gap to be filled", async () => {
    const nonce = await client._request("system_accountNextIndex", [alice.address]);
    const [one, two] = [newcomer(), newcomer()];
    const later = send(transfer(two, BTT), alice, { nonce: nonce + 1 });
    await sleep(1200);
    assert.equal(await free(two), 0n);
    succeeded(await send(transfer(one, BTT), alice, { nonce }));
    succeeded(await later);
    assert.equal(await free(two), BTT);
  });

  await named("pays with signatures over the digest of the metadata", async () => {
    const money = { decimals: 18, tokenSymbol: "BTT" };
    for (const scheme of ["Sr25519", "Ed25519"]) {
      const payer = newcomer(scheme);
      const shop = newcomer();
      succeeded(await send(transfer(payer, 2n * BTT), alice));
      succeeded(await send(transfer(shop, BTT), { ...payer, signer: withMetadataHash(money, payer.signer) }));
      assert.equal(await free(shop), BTT);
    }
    const wrong = withMetadataHash({ decimals: 12, tokenSymbol: "BTT" }, alice.signer);
    const problem = await refusal(send(transfer(newcomer(), BTT), { ...alice, signer: wrong }));
    assert.match(String(problem.message ?? problem), /BadProof|bad signature/);
  });
}

// --- the new API, word for word ---------------------------------------------------

/** Answers and events of the chainHead group, without the client's patience. */
async function wire(way) {
  const named = (name, body) => check(`${way}: ${name}`, body);
  const open = async (url, withRuntime) => {
    const socket = await Raw.open(url);
    const follow = await socket.call("chainHead_v1_follow", withRuntime);
    const event = async (...names) =>
      (
        await socket.notifications.until(
          ({ method, params }) =>
            method === "chainHead_v1_followEvent" && params.subscription === follow && names.includes(params.result.event),
        )
      ).params.result;
    const { finalizedBlockHashes, finalizedBlockRuntime } = await event("initialized");
    return { socket, follow, event, hash: finalizedBlockHashes.at(-1), finalizedBlockHashes, finalizedBlockRuntime };
  };
  const ALL_ACCOUNTS = "0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9";
  const NUMBER = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac";

  await named("reports the runtime, a new block and finality in this order", async () => {
    const { socket, event, hash, finalizedBlockRuntime } = await open(MANUAL, true);
    assert.equal(finalizedBlockRuntime.type, "valid");
    assert.equal(finalizedBlockRuntime.spec.specName, "btt");
    assert.equal(finalizedBlockRuntime.spec.apis["0xdf6acb689907609b"], 5);
    assert.ok((await event("bestBlockChanged")).bestBlockHash);
    const made = (await socket.call("engine_createBlock", true, true)).hash;
    const seen = [];
    for (;;) {
      const next = await event("newBlock", "bestBlockChanged", "finalized");
      seen.push(next.event);
      if (next.event === "newBlock") {
        assert.deepEqual([next.blockHash, next.parentBlockHash, next.newRuntime], [made, hash, null]);
      }
      if (next.event === "finalized") {
        assert.deepEqual([next.finalizedBlockHashes, next.prunedBlockHashes], [[made], []]);
        break;
      }
    }
    assert.deepEqual(seen, ["newBlock", "bestBlockChanged", "finalized"]);
    socket.close();
  });

  await named("hashes each header to its block's hash", async () => {
    const { socket, follow, finalizedBlockHashes } = await open(CLOCKED, false);
    for (const hash of finalizedBlockHashes) {
      assert.equal(blake2AsHex(await socket.call("chainHead_v1_header", follow, hash)), hash);
    }
    socket.close();
  });

  await named("reads storage in all five ways", async () => {
    const { socket, follow, hash, event } = await open(CLOCKED, true);
    const ask = async (items) => {
      const started = await socket.call("chainHead_v1_storage", follow, hash, items, null);
      assert.deepEqual([started.result, started.discardedItems], ["started", 0]);
      const found = [];
      for (;;) {
        const next = await event("operationStorageItems", "operationStorageDone", "operationWaitingForContinue");
        assert.equal(next.operationId, started.operationId);
        if (next.event === "operationStorageDone") return found;
        if (next.event === "operationStorageItems") found.push(...next.items);
        else await socket.call("chainHead_v1_continue", follow, started.operationId);
      }
    };
    const [{ value }] = await ask([{ key: NUMBER, type: "value" }]);
    const [{ hash: digest }] = await ask([{ key: NUMBER, type: "hash" }]);
    assert.equal(digest, blake2AsHex(value));
    const [merkle] = await ask([{ key: ALL_ACCOUNTS, type: "closestDescendantMerkleValue" }]);
    assert.match(merkle.closestDescendantMerkleValue, /^0x/);
    const values = await ask([{ key: ALL_ACCOUNTS, type: "descendantsValues" }]);
    const hashes = await ask([{ key: ALL_ACCOUNTS, type: "descendantsHashes" }]);
    assert.ok(values.length > 8);
    assert.deepEqual(hashes.map((item) => item.hash).sort(), values.map((item) => blake2AsHex(item.value)).sort());
    assert.deepEqual(await ask([{ key: "0x1234", type: "value" }]), []);
    socket.close();
  });

  await named("answers runtime calls, and says so when there is no such function", async () => {
    const { socket, follow, hash, event } = await open(CLOCKED, true);
    const good = await socket.call("chainHead_v1_call", follow, hash, "Core_version", "0x");
    const done = await event("operationCallDone", "operationError");
    assert.deepEqual([done.event, done.operationId], ["operationCallDone", good.operationId]);
    assert.match(done.output, /^0x0c627474/);
    await socket.call("chainHead_v1_call", follow, hash, "Unknown_method", "0x");
    const error = await event("operationCallDone", "operationError");
    assert.equal(error.event, "operationError");
    assert.match(error.error, /Unknown_method/);
    socket.close();
  });

  await named("refuses blocks that it never reported or that were unpinned", async () => {
    const { socket, follow, hash } = await open(CLOCKED, true);
    const nowhere = `0x${"11".repeat(32)}`;
    for (const method of ["chainHead_v1_header", "chainHead_v1_body", "chainHead_v1_unpin"]) {
      assert.equal((await socket.error(method, follow, nowhere)).code, -32801, method);
    }
    assert.equal((await socket.error("chainHead_v1_call", follow, nowhere, "Core_version", "0x")).code, -32801);
    assert.equal((await socket.error("chainHead_v1_storage", follow, nowhere, [], null)).code, -32801);
    assert.equal(await socket.call("chainHead_v1_unpin", follow, hash), null);
    assert.equal((await socket.error("chainHead_v1_header", follow, hash)).code, -32801);
    socket.close();
  });

  await named("refuses what does not fit a follow", async () => {
    const { socket, follow, hash } = await open(CLOCKED, false);
    assert.equal((await socket.error("chainHead_v1_call", follow, hash, "Core_version", "0x")).code, -32802);
    assert.equal((await socket.error("chainHead_v1_unpin", follow, [hash, hash])).code, -32804);
    assert.equal((await socket.error("chainHead_v1_header", follow, "no hash")).code, -32602);
    assert.equal((await socket.error("chainHead_v1_storage", follow, hash, [{ key: "0x", type: "sideways" }], null)).code, -32602);
    socket.close();
  });

  await named("refuses to continue what does not wait", async () => {
    const { socket, follow, hash, event } = await open(CLOCKED, true);
    const items = [{ key: NUMBER, type: "value" }];
    const { operationId } = await socket.call("chainHead_v1_storage", follow, hash, items, null);
    await event("operationStorageDone");
    // A read is over before another call can come, except in one batch; ids count up.
    const next = String(Number(operationId) + 1);
    const answers = await socket.batch([
      ["chainHead_v1_storage", follow, hash, items, null],
      ["chainHead_v1_continue", follow, next],
    ]);
    assert.equal(answers[0].result.operationId, next);
    assert.equal(answers[1].error?.code, -32803, JSON.stringify(answers));
    socket.close();
  });

  await named("answers a dead follow as the specification says", async () => {
    const { socket, follow, hash } = await open(CLOCKED, true);
    assert.equal(await socket.call("chainHead_v1_unfollow", follow), null);
    assert.equal(await socket.call("chainHead_v1_header", follow, hash), null);
    assert.equal((await socket.call("chainHead_v1_body", follow, hash)).result, "limitReached");
    assert.equal((await socket.call("chainHead_v1_call", follow, hash, "Core_version", "0x")).result, "limitReached");
    assert.equal(await socket.call("chainHead_v1_unpin", follow, hash), null);
    assert.equal(await socket.call("chainHead_v1_continue", follow, "0"), null);
    socket.close();
  });

  await named("lets a connection follow more than once, but not without end", async () => {
    const socket = await Raw.open(CLOCKED);
    const first = await socket.call("chainHead_v1_follow", false);
    const second = await socket.call("chainHead_v1_follow", true);
    assert.notEqual(first, second);
    let refused;
    for (let more = 0; more < 20 && !refused; more++) refused = (await socket.ask("chainHead_v1_follow", [false])).error;
    assert.equal(refused?.code, -32800);
    socket.close();
  });

  await named("broadcasts anything, and stops", async () => {
    const socket = await Raw.open(MANUAL);
    const id = await socket.call("transaction_v1_broadcast", "0x1284ff00");
    assert.equal(typeof id, "string");
    assert.equal(await socket.call("transaction_v1_stop", id), null);
    assert.equal((await socket.error("transaction_v1_stop", id)).code, -32602);
    socket.close();
  });

  await named("watches a transaction to its end, or says what is wrong with it", async () => {
    const socket = await Raw.open(MANUAL);
    const bad = await socket.call("transactionWatch_v1_submitAndWatch", "0x1284ff00");
    const next = async (id) => (await socket.notifications.until(({ params }) => params?.subscription === id)).params.result;
    assert.equal((await next(bad)).event, "invalid");
    socket.close();
  });

  await named("reads the archive", async () => {
    const socket = await Raw.open(CLOCKED);
    const genesis = await socket.call("archive_v1_genesisHash");
    assert.deepEqual(await socket.call("archive_v1_hashByHeight", 0), [genesis]);
    assert.ok((await socket.call("archive_v1_finalizedHeight")) > 0);
    const [first] = await socket.call("archive_v1_hashByHeight", 1);
    assert.equal(blake2AsHex(await socket.call("archive_v1_header", first)), first);
    assert.equal((await socket.call("archive_v1_body", first)).length, 1);
    const nowhere = `0x${"11".repeat(32)}`;
    assert.equal(await socket.call("archive_v1_header", nowhere), null);
    const version = await socket.call("archive_v1_call", first, "Core_version", "0x");
    assert.equal(version.success, true);
    const stream = await socket.call("archive_v1_storage", first, [{ key: NUMBER, type: "value" }], null);
    const next = async () =>
      (await socket.notifications.until(({ params }) => params?.subscription === stream)).params.result;
    assert.deepEqual(await next(), { event: "storage", key: NUMBER, value: "0x01000000" });
    assert.deepEqual(await next(), { event: "storageDone" });
    socket.close();
  });
}

const socket = { websocketClass: WebSocket };
const bare = await suite("the new API alone", getWsRawProvider(CLOCKED, socket));
await pallets(bare);
bare.client.destroy();
const mended = await suite("as it comes", getWsProvider(CLOCKED, socket));
mended.client.destroy();
const legacy = await suite("the legacy API alone", getWsRawProvider(CLOCKED, { ...socket, middleware: withLegacy }));
legacy.client.destroy();
await wire("word for word");

finish();

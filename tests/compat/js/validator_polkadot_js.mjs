// @polkadot/api, unmodified, against a node whose blocks a validator makes by lottery and finalizes
// by vote: `node --dev`, where Alice is that validator.

import assert from "node:assert/strict";

import { ApiPromise, Keyring, WsProvider } from "@polkadot/api";
import { cryptoWaitReady } from "@polkadot/util-crypto";

import { CLOCKED, Stream, check, finish, need, soon } from "./checks.mjs";

await cryptoWaitReady();
const alice = new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri("//Alice");
const voter = new Keyring({ type: "ed25519", ss58Format: 42 }).addFromUri("//Alice");
const bob = new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri("//Bob");
const hex = (pair) => `0x${Buffer.from(pair.publicKey).toString("hex")}`;
let api;

/** Sign, send, and follow to finality. */
function send(tx, pair) {
  return soon(
    new Promise((resolve, reject) => {
      tx.signAndSend(pair, (result) => {
        if (result.isFinalized) {
          const names = result.events.map(({ event }) => `${event.section}.${event.method}`);
          resolve({ names, block: result.status.asFinalized });
        } else if (result.isError) reject(new Error(`the transaction ended as ${result.status.type}`));
      }).catch(reject);
    }),
    "finality of a transaction",
  );
}

/** A subscription of the client as a stream. */
async function listen(subscribe, what) {
  const stream = new Stream(what);
  const stop = await subscribe(stream.push);
  return { stream, stop };
}

await need("connects to a chain of validators", async () => {
  const made = new ApiPromise({ provider: new WsProvider(CLOCKED), throwOnConnect: true });
  api = await soon(made.isReadyOrError, "the node");
  assert.equal((await api.rpc.system.chain()).toString(), "BTT Development");
  assert.ok((await api.rpc.system.nodeRoles()).some((role) => role.isAuthority));
});

await check("receives final heads, one after the other", async () => {
  const { stream, stop } = await listen((push) => api.rpc.chain.subscribeFinalizedHeads(push), "a final head");
  const heads = await stream.take(3);
  stop();
  for (const [index, head] of heads.slice(1).entries()) {
    assert.equal(head.number.toNumber(), heads[index].number.toNumber() + 1);
    assert.equal(head.parentHash.toHex(), heads[index].hash.toHex());
  }
});

await check("refuses a bad signature, and bans it for a while", async () => {
  const tx = api.tx.balances.transferKeepAlive(bob.address, 1n);
  await tx.signAsync(alice, { nonce: 0, genesisHash: `0x${"11".repeat(32)}` });
  const refusal = () => soon(tx.send(), "an answer").then(() => assert.fail("it was taken"), (error) => error);
  assert.equal((await refusal()).code, 1010);
  const banned = await refusal();
  assert.equal(banned.code, 1012, String(banned));
  assert.match(String(banned.data ?? ""), /second/);
});

await check("derives the final height, and it moves", async () => {
  const { stream, stop } = await listen((push) => api.derive.chain.bestNumberFinalized(push), "a final height");
  const first = (await stream.next()).toNumber();
  await stream.until((number) => number.toNumber() >= first + 2);
  stop();
  const best = (await api.derive.chain.bestNumber()).toNumber();
  const lag = (await api.derive.chain.bestNumberLag()).toNumber();
  assert.ok(lag <= 2, `finality lags ${lag} behind ${best}`);
});

await check("names the author of a header by Session.Validators", async () => {
  const { number } = await api.rpc.chain.getHeader();
  const hash = await api.rpc.chain.getBlockHash(number.toNumber());
  assert.equal((await api.derive.chain.getHeader(hash)).author.toString(), alice.address);
  assert.equal((await api.derive.chain.getBlock(hash)).author.toString(), alice.address);
  const { stream, stop } = await listen((push) => api.derive.chain.subscribeNewHeads(push), "a new head");
  const heads = await stream.take(2);
  stop();
  assert.deepEqual(
    heads.map((head) => head.author.toString()),
    [alice.address, alice.address],
  );
});

await check("reads a slot, a seal and no more in the digest of a header", async () => {
  let header = await api.rpc.chain.getHeader();
  // The first block of an epoch announces the next one between them.
  if (header.digest.logs.length > 2) header = await api.rpc.chain.getHeader(header.parentHash);
  assert.equal(header.digest.logs.length, 2);
  const [slot, seal] = header.digest.logs;
  assert.ok(slot.isPreRuntime && seal.isSeal);
  for (const [engine] of [slot.asPreRuntime, seal.asSeal]) assert.equal(engine.toString(), "BABE");
  assert.equal(seal.asSeal[1].length, 64);
  const claim = api.createType("RawBabePreDigest", slot.asPreRuntime[1].toU8a(true));
  const at = await api.at(header.hash);
  assert.equal(claim.value.slotNumber.toBigInt(), (await at.query.babe.currentSlot()).toBigInt());
});

await check("reads who validates", async () => {
  assert.deepEqual((await api.query.session.validators()).map(String), [alice.address]);
  assert.deepEqual((await api.query.session.disabledValidators()).toJSON(), []);
  const keys = (await api.query.session.nextKeys(alice.address)).unwrap();
  assert.equal(keys.babe.toHex(), hex(alice));
  assert.equal(keys.grandpa.toHex(), hex(voter));
  const [, queued] = (await api.query.session.queuedKeys())[0];
  assert.equal(queued.babe.toHex(), hex(alice));
  const owner = await api.query.session.keyOwner(["babe", hex(alice)]);
  assert.equal(owner.unwrap().toString(), alice.address);
});

await check("reads epochs, lots and their length", async () => {
  const { babe } = api.query;
  const [authorities, next, index, slot, genesis] = await Promise.all([
    babe.authorities(),
    babe.nextAuthorities(),
    babe.epochIndex(),
    babe.currentSlot(),
    babe.genesisSlot(),
  ]);
  assert.equal(authorities[0][0].toHex(), hex(alice));
  assert.equal(next[0][0].toHex(), hex(alice));
  const length = api.consts.babe.epochDuration.toNumber();
  assert.equal(Math.floor((slot.toNumber() - genesis.toNumber()) / length), index.toNumber());
  assert.equal((await babe.randomness()).length, 32);
  assert.equal((await babe.epochConfig()).unwrap().c.toJSON().join("/"), "1/2");
  assert.equal(api.consts.babe.expectedBlockTime.toNumber(), 500);
  assert.ok(api.consts.babe.maxAuthorities.toNumber() >= 1);
  const now = (await api.query.timestamp.now()).toNumber();
  assert.ok(Math.abs(now / 500 - (await babe.currentSlot()).toNumber()) <= 2);
});

await check("calls the runtime for epochs, voters and keys", async () => {
  const { babeApi, grandpaApi, sessionKeys } = api.call;
  const set = await babeApi.configuration();
  assert.equal(set.slotDuration.toNumber(), 500);
  assert.equal(set.epochLength.toNumber(), api.consts.babe.epochDuration.toNumber());
  const [now, next] = await Promise.all([babeApi.currentEpoch(), babeApi.nextEpoch()]);
  assert.ok(next.epochIndex.toNumber() - now.epochIndex.toNumber() <= 2);
  assert.equal((await grandpaApi.grandpaAuthorities())[0][0].toHex(), hex(voter));
  assert.ok((await grandpaApi.currentSetId()).toNumber() >= 0);
  const decoded = (await sessionKeys.decodeSessionKeys(hex(alice) + hex(voter).slice(2))).unwrap();
  assert.deepEqual(
    decoded.map(([raw, kind]) => [raw.toHex(), kind.toUtf8()]),
    [
      [hex(alice), "babe"],
      [hex(voter), "gran"],
    ],
  );
});

await check("reads the voters and the round that they are in", async () => {
  assert.equal((await api.query.grandpa.authorities())[0][0].toHex(), hex(voter));
  assert.ok((await api.query.grandpa.state()).isLive);
  const first = await api.rpc.grandpa.roundState();
  const { round, totalWeight, thresholdWeight, prevotes, precommits } = first.best;
  assert.ok(round.toNumber() >= 1);
  assert.ok(totalWeight.toNumber() >= thresholdWeight.toNumber() && thresholdWeight.toNumber() > 0);
  for (const votes of [prevotes, precommits]) {
    assert.ok(votes.currentWeight.toNumber() <= totalWeight.toNumber());
    assert.ok([...votes.missing].every((who) => who.toString() === voter.address));
  }
});

await check("lists the slots of the epoch, which are all the node's", async () => {
  const mine = [...(await api.rpc.babe.epochAuthorship())];
  assert.deepEqual(mine.map(([who]) => who.toString()), [alice.address]);
  const { primary, secondary, secondary_vrf } = mine[0][1];
  const slots = [...primary, ...secondary, ...secondary_vrf].map(Number).sort((a, b) => a - b);
  assert.equal(slots.length, api.consts.babe.epochDuration.toNumber());
  assert.ok(slots.every((slot, place) => slot === slots[0] + place));
  assert.ok(slots[0] <= (await api.query.babe.currentSlot()).toNumber() + 1);
});

await check("proves that a block is final, and receives new proofs", async () => {
  const proof = await api.rpc.grandpa.proveFinality(1);
  assert.ok(proof.isSome);
  const { stream, stop } = await listen((push) => api.rpc.grandpa.subscribeJustifications(push), "a proof");
  await stream.next();
  stop();
});

await check("follows a transaction into a block and then to finality", async () => {
  const outcome = await send(api.tx.balances.transferKeepAlive(bob.address, 10n ** 18n), alice);
  assert.equal(outcome.names.at(-1), "system.ExtrinsicSuccess");
  const final = await api.derive.chain.getHeader(outcome.block);
  assert.equal(final.author.toString(), alice.address);
});

await check("reports each step of a transaction once, in order", async () => {
  // Not by `signAndSend`: the client leaves out a status whose block it still reads when the next one comes.
  const signed = await api.tx.balances.transferKeepAlive(bob.address, 10n ** 18n).signAsync(alice);
  const steps = await new Promise((resolve, reject) => {
    const seen = [];
    api.rpc.author
      .submitAndWatchExtrinsic(signed, (status) => {
        seen.push(status.type);
        if (status.isFinalized) resolve(seen);
      })
      .catch(reject);
  });
  assert.deepEqual(
    steps.filter((step) => step !== "Broadcast"),
    ["Ready", "InBlock", "Finalized"],
  );
});

await check("registers session keys that the node has made", async () => {
  const keys = await api.rpc.author.rotateKeys();
  assert.equal(keys.length, 64);
  assert.ok((await api.rpc.author.hasSessionKeys(keys)).isTrue);
  assert.ok((await api.rpc.author.hasKey(keys.toHex().slice(0, 66), "babe")).isTrue);
  assert.ok((await api.rpc.author.hasKey(keys.toHex().slice(0, 66), "gran")).isFalse);
  assert.ok((await api.rpc.author.hasSessionKeys(`0x${"11".repeat(64)}`)).isFalse);
  const outcome = await send(api.tx.session.setKeys(keys, "0x"), alice);
  assert.equal(outcome.names.at(-1), "system.ExtrinsicSuccess");
  const registered = (await api.query.session.nextKeys(alice.address)).unwrap();
  assert.equal(registered.toHex(), keys.toHex());
});

await api.disconnect();
finish();

// polkadot-api, unmodified, against a node whose blocks a validator makes by lottery and finalizes
// by vote: `node --dev`, where Alice is that validator.

import assert from "node:assert/strict";

import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { createClient } from "polkadot-api";
import { getPolkadotSigner } from "polkadot-api/signer";
import { getWsProvider } from "polkadot-api/ws";

import WebSocket from "ws";

import { CLOCKED, Stream, check, finish, need, soon } from "./checks.mjs";

await cryptoWaitReady();
const alice = new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri("//Alice");
const voter = new Keyring({ type: "ed25519", ss58Format: 42 }).addFromUri("//Alice");
const signer = getPolkadotSigner(alice.publicKey, "Sr25519", (bytes) => alice.sign(bytes));
const hex = (pair) => `0x${Buffer.from(pair.publicKey).toString("hex")}`;
/** Bytes of a fixed length come as hex or as an object that knows it, by the client's version. */
const asHex = (value) => (typeof value === "string" ? value : value.asHex());
const client = createClient(getWsProvider(CLOCKED, { websocketClass: WebSocket }));
const api = client.getUnsafeApi();

function listen(observable, what) {
  const stream = new Stream(what);
  const subscription = observable.subscribe({ next: stream.push, error: stream.push });
  return { stream, stop: () => subscription.unsubscribe() };
}

await need("connects to a chain of validators", async () => {
  assert.equal((await client.getChainSpecData()).name, "BTT Development");
});

await check("receives final blocks as they come, and of best ones before them", async () => {
  const { stream, stop } = listen(client.finalizedBlock$, "a final block");
  const blocks = await stream.take(3);
  stop();
  for (const [index, block] of blocks.slice(1).entries()) {
    assert.equal(block.parent, blocks[index].hash);
  }
  const best = listen(client.bestBlocks$, "best blocks");
  const [[head]] = await best.stream.take(1);
  best.stop();
  assert.ok(head.number >= blocks.at(-1).number);
});

await check("reads who validates", async () => {
  const { Session } = api.query;
  assert.deepEqual(await Session.Validators.getValue(), [alice.address]);
  const keys = await Session.NextKeys.getValue(alice.address);
  assert.deepEqual([asHex(keys.babe), asHex(keys.grandpa)], [hex(alice), hex(voter)]);
  const [[who]] = await Session.QueuedKeys.getValue();
  assert.equal(who, alice.address);
  assert.ok((await Session.CurrentIndex.getValue()) >= 0);
});

await check("reads epochs, lots and their length", async () => {
  const { Babe } = api.query;
  const length = await api.constants.Babe.EpochDuration();
  const [slot, genesis, index] = await Promise.all(
    [Babe.CurrentSlot, Babe.GenesisSlot, Babe.EpochIndex].map((item) => item.getValue({ at: "finalized" })),
  );
  assert.equal((slot - genesis) / length, index);
  const [[author]] = await Babe.Authorities.getValue();
  assert.equal(asHex(author), hex(alice));
  assert.equal(await api.constants.Babe.ExpectedBlockTime(), 500n);
  const epoch = await api.apis.BabeApi.current_epoch();
  assert.equal(epoch.duration, length);
  assert.equal((await api.apis.BabeApi.configuration()).slot_duration, 500n);
});

await check("reads the voters", async () => {
  const [[who]] = await api.query.Grandpa.Authorities.getValue();
  assert.equal(asHex(who), hex(voter));
  assert.equal((await api.query.Grandpa.State.getValue()).type, "Live");
  const [[same]] = await api.apis.GrandpaApi.grandpa_authorities();
  assert.equal(asHex(same), hex(voter));
  assert.equal(await api.apis.GrandpaApi.current_set_id(), await api.query.Grandpa.CurrentSetId.getValue());
});

await check("registers session keys that the node has made", async () => {
  const keys = await client._request("author_rotateKeys", []);
  assert.ok(await client._request("author_hasSessionKeys", [keys]));
  const [babe, grandpa] = [keys.slice(0, 66), `0x${keys.slice(66)}`];
  const decoded = await api.apis.SessionKeys.decode_session_keys(Buffer.from(keys.slice(2), "hex"));
  assert.equal(decoded.length, 2);
  const tx = api.tx.Session.set_keys({ keys: { babe, grandpa }, proof: new Uint8Array() });
  const outcome = await soon(tx.signAndSubmit(signer), "finality of a transaction");
  assert.ok(outcome.ok, JSON.stringify(outcome.dispatchError));
  const registered = await api.query.Session.NextKeys.getValue(alice.address);
  assert.deepEqual([asHex(registered.babe), asHex(registered.grandpa)], [babe, grandpa]);
});

client.destroy();
finish();

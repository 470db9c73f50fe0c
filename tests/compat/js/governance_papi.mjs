// polkadot-api, unmodified, proposes, votes and trades on the chain that others prepared.

import assert from "node:assert/strict";

import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { createClient } from "polkadot-api";
import { getPolkadotSigner } from "polkadot-api/signer";
import { getWsProvider } from "polkadot-api/ws";
import WebSocket from "ws";

import { CLOCKED, check, finish, need, soon } from "./checks.mjs";

const BTT = 10n ** 18n;
/** What polkadot.js had listed on this chain. */
const ASSET = 0;
const TECHNICAL = 21;
await cryptoWaitReady();
const pair = new Keyring({ type: "sr25519", ss58Format: 42 }).addFromUri("//Bob");
const bob = getPolkadotSigner(pair.publicKey, "Sr25519", (bytes) => pair.sign(bytes));
let client;
let api;
let index;

/** Sign, send, wait until it is final; its one event of this name. */
async function send(tx, pallet, name) {
  const outcome = await soon(tx.signAndSubmit(bob), "finality of a transaction");
  assert.equal(outcome.ok, true, JSON.stringify(outcome.dispatchError));
  const found = outcome.events.filter(({ type, value }) => type === pallet && value.type === name);
  assert.equal(found.length, 1);
  return found[0].value.value;
}

await need("connects", async () => {
  client = createClient(getWsProvider(CLOCKED, { websocketClass: WebSocket }));
  api = client.getUnsafeApi();
  await soon(client.getFinalizedBlock(), "a final block");
});

await need("submits a referendum, and reads it back", async () => {
  const remark = await api.tx.System.remark({ remark: new Uint8Array([1, 2, 3]) }).getEncodedData();
  const submit = api.tx.Referenda.submit({
    proposal_origin: { type: "Origins", value: { type: "Technical", value: undefined } },
    proposal: { type: "Inline", value: remark },
    enactment_moment: { type: "After", value: 10 },
  });
  const found = await send(submit, "Referenda", "Submitted");
  assert.equal(found.track, TECHNICAL);
  index = found.index;
  const { type, value } = await api.query.Referenda.ReferendumInfoFor.getValue(index);
  assert.deepEqual([type, value.origin.value.type, value.submission_deposit.amount], ["Ongoing", "Technical", 10n * BTT]);
});

await check("votes, and reads the vote and the chambers", async () => {
  const vote = { type: "Standard", value: { vote: 0b1000_0001, balance: 7n * BTT } };
  await send(api.tx.ConvictionVoting.vote({ poll_index: index, vote }), "ConvictionVoting", "Voted");
  const casting = await api.query.ConvictionVoting.VotingFor.getValue(pair.address, TECHNICAL);
  assert.deepEqual(casting.value.votes, [[index, vote]]);
  const tally = await api.apis.ChambersApi.tally(index);
  assert.deepEqual(tally.chambers.map(({ name }) => name), ["institutions", "compute", "holders", "community"]);
});

await check("places an order, and reads the book", async () => {
  const order = api.tx.Exchange.place_order({
    asset: ASSET, side: { type: "Sell", value: undefined }, units: 3n, price: 30n * BTT,
    time_in_force: { type: "UntilCancelled", value: undefined }, until: undefined,
  });
  const { id } = await send(order, "Exchange", "OrderPlaced");
  const found = await api.query.Exchange.Orders.getValue(id);
  assert.deepEqual([found.owner, found.units], [pair.address, 3n]);
  const book = await api.apis.ExchangeApi.book(ASSET, 5);
  assert.ok(book.asks.some(({ price, units }) => price === 30n * BTT && units === 3n));
});

client.destroy();
finish();

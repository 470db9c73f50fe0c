// polkadot-api, unmodified, pays the merchant that polkadot.js registered, is refunded, and disputes.

import assert from "node:assert/strict";

import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady, randomAsU8a } from "@polkadot/util-crypto";
import { createClient } from "polkadot-api";
import { getPolkadotSigner } from "polkadot-api/signer";
import { getWsProvider } from "polkadot-api/ws";
import WebSocket from "ws";

import { CLOCKED, check, finish, need, soon } from "./checks.mjs";

const BTT = 10n ** 18n;
await cryptoWaitReady();
const ring = new Keyring({ type: "sr25519", ss58Format: 42 });
const signer = (pair) => getPolkadotSigner(pair.publicKey, "Sr25519", (bytes) => pair.sign(bytes));
const [payer, merchant] = ["//Charlie", "//Bob"].map((uri) => ring.addFromUri(uri));
const shop = { type: "Id", value: merchant.address };
/** What the metadata calls [u8; 3] and [u8; 16]. */
const bytes = (text) => `0x${Buffer.from(text).toString("hex")}`;
const reference = `0x${Buffer.from(randomAsU8a(16)).toString("hex")}`;
const NO_HASH = `0x${"00".repeat(32)}`;
let client;
let api;
let number;

/** Sign, send, wait until it is final; return its one event of a name. */
async function send(tx, pair, name) {
  const outcome = await soon(tx.signAndSubmit(signer(pair)), "finality of a transaction");
  assert.equal(outcome.ok, true, JSON.stringify(outcome.dispatchError));
  const found = outcome.events.filter(({ type, value }) => type === "PayFi" && value.type === name);
  assert.equal(found.length, 1, name);
  return found[0].value.value;
}

await need("connects", async () => {
  client = createClient(getWsProvider(CLOCKED, { websocketClass: WebSocket }));
  api = client.getUnsafeApi();
  await soon(client.getFinalizedBlock(), "a final block");
});

await need("pays, and reads the payment", async () => {
  const pay = api.tx.PayFi.pay({
    merchant: shop, units: 10n * BTT, currency: bytes("BTT"), max_btt: 10n * BTT, reference, memo: undefined,
  });
  const paid = await send(pay, payer, "Paid");
  assert.deepEqual([paid.payer, paid.gross], [payer.address, 10n * BTT]);
  number = paid.payment;
  const { payment, state } = await api.apis.PayFiApi.payment(number);
  assert.deepEqual([payment.merchant, state.type], [merchant.address, "Pending"]);
});

await check("is refunded a part", async () => {
  const refunded = await send(api.tx.PayFi.refund({ payment: number, amount: 4n * BTT }), merchant, "Refunded");
  assert.equal(refunded.amount, 4n * BTT);
});

await check("disputes the rest and withdraws the dispute", async () => {
  const reason = { type: "Other", value: undefined };
  const disputed = await send(
    api.tx.PayFi.dispute({ payment: number, amount: 6n * BTT, reason, evidence: NO_HASH }), payer, "Disputed",
  );
  assert.equal(disputed.amount, 6n * BTT);
  const resolved = await send(api.tx.PayFi.withdraw_dispute({ payment: number }), payer, "Resolved");
  assert.deepEqual([resolved.merchant, resolved.to_payer], [merchant.address, 0n]);
  assert.equal((await api.apis.PayFiApi.payment(number)).state.type, "Settled", "the merchant has it at once");
});

client.destroy();
finish();

// @polkadot/api, unmodified, pays: feeders, a merchant and a payer use the pallets from the metadata.

import assert from "node:assert/strict";

const { ApiPromise, Keyring, WsProvider } = await import("@polkadot/api");
const { cryptoWaitReady, randomAsHex } = await import("@polkadot/util-crypto");
const { CLOCKED, check, finish, need, refusal, soon } = await import("./checks.mjs");

const BTT = 10n ** 18n;
const CNY = "BTT/CNY";
const NO_HASH = `0x${"00".repeat(32)}`;
await cryptoWaitReady();
const ring = new Keyring({ type: "sr25519", ss58Format: 42 });
const [charlie, bob, dave, eve, ferdie] = ["Charlie", "Bob", "Dave", "Eve", "Ferdie"].map((name) => ring.addFromUri(`//${name}`));
let api;

/** Sign and send, wait until it is final; return its events of a name. Reject if the call fails. */
function send(tx, pair) {
  return soon(
    new Promise((resolve, reject) => {
      tx.signAndSend(pair, { nonce: -1 }, ({ status, events, dispatchError, isError }) => {
        if (isError) reject(new Error(`the transaction ended as ${status.type}`));
        if (!status.isFinalized) return;
        if (dispatchError) {
          const { section, name } = api.registry.findMetaError(dispatchError.asModule);
          reject(new Error(`${section}.${name}`));
          return;
        }
        resolve((name) => {
          const found = events.map(({ event }) => event).filter((event) => `${event.section}.${event.method}` === name);
          assert.equal(found.length, 1, name);
          return found[0].data;
        });
      }).catch(reject);
    }),
    "finality of a transaction",
  );
}

const free = async (who) => (await api.query.system.account(who.address)).data.free.toBigInt();
const pay = (units, currency, reference, max) => api.tx.payFi.pay(bob.address, units, currency, max, reference, null);

await need("connects to a node with a block for each transaction", async () => {
  const made = new ApiPromise({ provider: new WsProvider(CLOCKED), throwOnConnect: true });
  api = await soon(made.isReadyOrError, "the node");
});

await need("three feeders make a price", async () => {
  for (const [feeder, value] of [[dave, 39n], [eve, 40n], [ferdie, 900n]]) {
    const fed = await send(api.tx.oracle.feedValues([[CNY, (value * BTT) / 100n]]), feeder);
    assert.equal(fed("oracle.NewFeedData")[0].toString(), feeder.address);
  }
  const value = await api.query.oracle.values(CNY);
  assert.equal(value.unwrap().value.toBigInt(), (40n * BTT) / 100n, "the median");
});

await need("a merchant registers, and its bond is on hold", async () => {
  const registered = (await send(api.tx.payFi.register(5812, "CNY", 0, NO_HASH), bob))("payFi.Registered");
  assert.equal(registered.merchant.toString(), bob.address);
  const record = (await api.query.payFi.merchants(bob.address)).unwrap();
  assert.deepEqual([record.category.toNumber(), record.bond.toBigInt()], [5812, 1_000n * BTT]);
  const holds = await api.query.balances.holds(bob.address);
  assert.ok(holds.some(({ id, amount }) => id.isPayFi && amount.toBigInt() === 1_000n * BTT), holds.toString());
});

const reference = randomAsHex(16);
let paid;

await need("pays an amount in a currency, as the quote says", async () => {
  const quote = (await api.call.payFiApi.quote(bob.address, 5_000, "CNY")).asOk;
  assert.equal(quote.gross.toBigInt(), 125n * BTT, "50.00 CNY at 0.40");
  assert.equal(quote.fee.toBigInt(), 1_937_500_000_000_000_000n);
  const before = await free(charlie);
  paid = (await send(pay(5_000, "CNY", reference, quote.gross), charlie))("payFi.Paid");
  assert.deepEqual([paid.payer.toString(), paid.gross.toBigInt()], [charlie.address, 125n * BTT]);
  assert.ok(before - (await free(charlie)) >= 125n * BTT);
  const found = (await api.call.payFiApi.byReference(bob.address, reference, 5_000, "CNY")).unwrap();
  assert.deepEqual([found.id.toBigInt(), found.state.type], [paid.payment.toBigInt(), "Pending"]);
});

await check("an invoice is not paid twice, nor above the payer's limit", async () => {
  const before = await free(charlie);
  assert.match((await refusal(send(pay(5_000, "CNY", reference, 200n * BTT), charlie))).message, /payFi.AlreadyPaid/);
  assert.match((await refusal(send(pay(5_000, "CNY", randomAsHex(16), 124n * BTT), charlie))).message, /payFi.TooDear/);
  assert.ok(before - (await free(charlie)) < BTT, "fees of the network alone");
});

await check("the merchant returns a part before settlement", async () => {
  const before = await free(charlie);
  const refunded = (await send(api.tx.payFi.refund(paid.payment, 25n * BTT), bob))("payFi.Refunded");
  assert.deepEqual([refunded.payer.toString(), refunded.amount.toBigInt()], [charlie.address, 25n * BTT]);
  assert.equal((await free(charlie)) - before, 25n * BTT);
  const { payment } = (await api.call.payFiApi.payment(paid.payment)).unwrap();
  assert.equal(payment.legs.gross.toBigInt(), 100n * BTT);
});

await check("a payer disputes, the merchant accepts, and all is returned", async () => {
  const before = await free(charlie);
  const disputed = (await send(api.tx.payFi.dispute(paid.payment, 100n * BTT, "NotReceived", NO_HASH), charlie))("payFi.Disputed");
  assert.equal(disputed.deposit.toBigInt(), BTT);
  const resolved = (await send(api.tx.payFi.answer(paid.payment, "Accept"), bob))("payFi.Resolved");
  assert.equal(resolved.toPayer.toBigInt(), 100n * BTT);
  assert.ok((await free(charlie)) - before > 99n * BTT);
  assert.equal((await api.call.payFiApi.payment(paid.payment)).unwrap().state.type, "Returned");
});

await api.disconnect();
finish();

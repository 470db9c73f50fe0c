// dedot, unmodified: connects over the new API, reads, subscribes, signs a transfer and sees its events.

import assert from "node:assert/strict";

import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { DedotClient, LegacyClient, WsProvider } from "dedot";
import WebSocket from "ws";

import { CLOCKED, Stream, check, finish, need, soon } from "./checks.mjs";

// It takes the WebSocket of the browser, which older versions of node lack.
globalThis.WebSocket ??= WebSocket;

const BTT = 10n ** 18n;
await cryptoWaitReady();
const ring = new Keyring({ type: "sr25519", ss58Format: 42 });
const alice = ring.addFromUri("//Alice");

for (const [name, Client] of [["chainHead", DedotClient], ["legacy", LegacyClient]]) {
  let client;
  const bob = ring.addFromUri(`//dedot//${name}`);

  await need(`${name}: connects`, async () => {
    client = await soon(Client.new(new WsProvider(CLOCKED)), "the client");
    assert.equal(client.runtimeVersion.specName, "btt");
  });

  await check(`${name}: reads accounts, constants and runtime APIs`, async () => {
    const account = await client.query.system.account(alice.address);
    assert.ok(account.data.free > BTT);
    assert.ok(client.consts.balances.existentialDeposit > 0n);
    const nonce = await client.call.accountNonceApi.accountNonce(alice.address);
    assert.ok(nonce >= 0);
    const entries = await client.query.system.account.entries();
    assert.ok(entries.length > 1);
  });

  await check(`${name}: follows a storage value`, async () => {
    const numbers = new Stream("block numbers");
    const stop = await client.query.system.number(numbers.push);
    const [first, second] = await numbers.take(2);
    await stop();
    assert.ok(second > first);
  });

  await check(`${name}: asks for the fee and sends a transfer that becomes final`, async () => {
    const tx = () => client.tx.balances.transferKeepAlive(bob.address, 3n * BTT);
    const { partialFee } = await tx().paymentInfo(alice.address);
    assert.ok(partialFee > 0n);
    const statuses = new Stream("status of the transfer");
    const stop = await tx().signAndSend(alice, statuses.push);
    const final = await statuses.until(({ status }) => status.type === "Finalized");
    await stop();
    assert.equal(final.dispatchError, undefined);
    assert.ok(final.events.some(({ event }) => client.events.balances.Transfer.is(event)));
    const account = await client.query.system.account(bob.address);
    assert.equal(account.data.free, 3n * BTT);
  });

  await check(`${name}: names the error of a call that fails`, async () => {
    const statuses = new Stream("status of the transfer");
    const tx = client.tx.balances.transferKeepAlive(bob.address, 10n ** 36n);
    await tx.signAndSend(alice, statuses.push);
    const { dispatchError } = await statuses.until(({ status }) => status.type === "Finalized");
    assert.equal(dispatchError.type, "Token");
    assert.equal(dispatchError.value, "FundsUnavailable");
  });

  await client.disconnect();
}

finish();

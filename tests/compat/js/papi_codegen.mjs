// `papi add` and `papi generate`, unmodified: descriptors of the whole runtime, and a typed API of them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { createClient } from "polkadot-api";
import { getPolkadotSigner } from "polkadot-api/signer";
import { getWsProvider } from "polkadot-api/ws";
import WebSocket from "ws";

import { CLOCKED, check, finish, need, soon } from "./checks.mjs";
import { Project } from "./papi_tool.mjs";

const VALUE = 10n ** 18n;
await cryptoWaitReady();
const ring = new Keyring({ type: "sr25519", ss58Format: 42 });
const [alice, bob] = ["//Alice", "//papi//codegen"].map((uri) => ring.addFromUri(uri));
const signer = getPolkadotSigner(alice.publicKey, "Sr25519", (bytes) => alice.sign(bytes));
const project = await Project.make();
const client = createClient(getWsProvider(CLOCKED, { websocketClass: WebSocket }));
let api;

await need("papi generates descriptors of the whole runtime, which compile", async () => {
  await project.papi("add", "btt", "--wsUrl", CLOCKED, "--skip-codegen");
  // Without a package of their own nothing is installed.
  await project.change({ options: { noDescriptorsPackage: true } });
  const { stdout } = await project.papi("generate");
  assert.match(stdout, /Compilation successful/);
  const types = await readFile(project.path("descriptors", "dist", "btt.d.ts"), "utf8");
  for (const pallet of ["PayFi", "Facilities", "Balances", "Staking"]) assert.ok(types.includes(`${pallet}: {`), pallet);
});

await need("the descriptors fit the node that they were made of", async () => {
  const { btt } = await import(pathToFileURL(project.path("descriptors", "dist", "index.js")).href);
  api = client.getTypedApi(btt);
  const tokens = await api.getStaticApis();
  assert.ok(tokens.compat.query.System.Account.isCompatible());
  assert.ok(tokens.compat.tx.Balances.transfer_keep_alive.isCompatible());
});

await check("the typed API reads, calls and sends", async () => {
  assert.ok((await api.query.System.Account.getValue(alice.address)).data.free > VALUE);
  assert.ok((await api.constants.Balances.ExistentialDeposit()) > 0n);
  assert.ok((await api.apis.AccountNonceApi.account_nonce(alice.address)) >= 0);
  const tx = api.tx.Balances.transfer_keep_alive({ dest: { type: "Id", value: bob.address }, value: VALUE });
  const { ok, events } = await soon(tx.signAndSubmit(signer), "the transfer");
  assert.ok(ok);
  const [transfer] = api.event.Balances.Transfer.filter(events).map((event) => event.payload ?? event);
  assert.equal(transfer.to, bob.address);
  assert.equal(transfer.amount, VALUE);
});

await project.remove();
client.destroy();
finish();

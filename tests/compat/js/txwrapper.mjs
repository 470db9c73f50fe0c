// @substrate/txwrapper-polkadot, unmodified: a transfer is made, signed and decoded without a connection.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";

import { CLOCKED, check, finish, need, soon, sleep } from "./checks.mjs";
import { Raw } from "./raw.mjs";

// Its packages are CommonJS, and bring a registry of their own.
const require = createRequire(import.meta.url);
const { construct, decode, getRegistry, methods } = require("@substrate/txwrapper-polkadot");

const VALUE = 2n * 10n ** 18n;
await cryptoWaitReady();
const ring = new Keyring({ type: "sr25519", ss58Format: 42 });
const [alice, bob] = ["//Alice", "//txwrapper"].map((uri) => ring.addFromUri(uri));
const node = await Raw.open(CLOCKED);
let registry;
let options;
let unsigned;
let signed;

/** The facts of the chain that an offline signer is given. */
async function chain() {
  const [genesisHash, blockHash, version, metadataRpc, properties, nonce] = await Promise.all([
    node.call("chain_getBlockHash", 0),
    node.call("chain_getBlockHash"),
    node.call("state_getRuntimeVersion"),
    node.call("state_getMetadata"),
    node.call("system_properties"),
    node.call("system_accountNextIndex", alice.address),
  ]);
  const header = await node.call("chain_getHeader", blockHash);
  return { genesisHash, blockHash, blockNumber: Number(header.number), version, metadataRpc, properties, nonce };
}

await need("makes a registry of the chain's metadata and properties", async () => {
  const facts = await chain();
  const { specName, specVersion, transactionVersion } = facts.version;
  registry = getRegistry({ chainName: "BTT", specName, specVersion, metadataRpc: facts.metadataRpc, properties: facts.properties });
  options = { metadataRpc: facts.metadataRpc, registry };
  unsigned = methods.balances.transferKeepAlive(
    { dest: { id: bob.address }, value: VALUE.toString() },
    {
      address: alice.address,
      blockHash: facts.blockHash,
      blockNumber: facts.blockNumber,
      eraPeriod: 64,
      genesisHash: facts.genesisHash,
      metadataRpc: facts.metadataRpc,
      nonce: facts.nonce,
      specVersion,
      tip: 0,
      transactionVersion,
    },
    options,
  );
});

await check("decodes what it is about to sign", async () => {
  const { method, eraPeriod } = decode(unsigned, options);
  assert.deepEqual([method.pallet, method.name], ["balances", "transferKeepAlive"]);
  assert.deepEqual(method.args.dest, { id: bob.address });
  assert.equal(BigInt(method.args.value), VALUE);
  assert.equal(eraPeriod, 64);
});

await need("signs offline, and knows the hash that the node gives", async () => {
  const payload = construct.signingPayload(unsigned, { registry });
  const { signature } = registry
    .createType("ExtrinsicPayload", payload, { version: unsigned.version })
    .sign(alice);
  signed = construct.signedTx(unsigned, signature, options);
  assert.equal(await node.call("author_submitExtrinsic", signed), construct.txHash(signed));
});

await check("the transfer is in a block, and decodes from its bytes", async () => {
  const found = async () => {
    for (;;) {
      const { block } = await node.call("chain_getBlock");
      if (block.extrinsics.includes(signed)) return block.extrinsics;
      await sleep(50);
    }
  };
  await soon(found(), "the block");
  const { method, address } = decode(signed, options);
  assert.equal(address.id ?? address, alice.address);
  assert.equal(BigInt(method.args.value), VALUE);
});

node.close();
finish();

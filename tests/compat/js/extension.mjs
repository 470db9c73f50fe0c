// A double of the polkadot-js extension for pages under test: what it puts into the page is as there, and
// it signs with the code that the extension runs: Keyring and ExtrinsicPayload of @polkadot/api.
import { Metadata, TypeRegistry } from "@polkadot/types";
import { base64Decode } from "@polkadot/util-crypto";

/** The extension, as it is in a page, and its background in this process. */
export const withWallet = async (page, pair, { refuses = false } = {}) => {
  const seen = { payloads: [], metadata: [] };
  await page.exposeFunction("backgroundSign", (payload) => {
    seen.payloads.push(payload);
    if (refuses) throw new Error("Cancelled");
    const known = seen.metadata.at(-1);
    const registry = new TypeRegistry();
    registry.setMetadata(new Metadata(registry, base64Decode(known.metaCalls)));
    registry.setSignedExtensions(payload.signedExtensions);
    return registry.createType("ExtrinsicPayload", payload, { version: payload.version }).sign(pair);
  });
  await page.exposeFunction("backgroundMetadata", (definition) => {
    seen.metadata.push(definition);
    return true;
  });
  await page.addInitScript((account) => {
    const definitions = [];
    globalThis.injectedWeb3 = {
      "polkadot-js": {
        version: "0.62.6",
        enable: async (origin) => ({
          accounts: { get: async () => [account], subscribe: () => () => {} },
          metadata: {
            get: async () => definitions,
            provide: async (definition) => {
              definitions.push({ genesisHash: definition.genesisHash, specVersion: definition.specVersion });
              return globalThis.backgroundMetadata(definition);
            },
          },
          signer: { signPayload: async (payload) => ({ id: 1, ...(await globalThis.backgroundSign(payload)) }) },
          name: "polkadot-js",
          origin,
        }),
      },
    };
  }, { address: pair.address, name: "From the wallet", type: "sr25519" });
  return seen;
};

// @polkadot/api, unmodified, names the authors of the blocks of several validators.

import { ApiPromise, WsProvider } from "@polkadot/api";

import { CLOCKED, check, fact, finish, soon } from "./checks.mjs";

let api;

await check("names the author of each block", async () => {
  const made = new ApiPromise({ provider: new WsProvider(CLOCKED), throwOnConnect: true });
  api = await soon(made.isReadyOrError, "the node");
  const last = await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead());
  const authors = {};
  for (let at = 1; at <= last.number.toNumber(); at++) {
    const header = await api.derive.chain.getHeader(await api.rpc.chain.getBlockHash(at));
    authors[at] = header.author?.toString() ?? null;
  }
  fact("authors", authors);
});

await api?.disconnect();
finish();

// `papi add`, unmodified: takes the metadata of a running node into a project.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { CLOCKED, check, finish, need } from "./checks.mjs";
import { Project } from "./papi_tool.mjs";
import { Raw } from "./raw.mjs";

const project = await Project.make();
const node = await Raw.open(CLOCKED);

await need("papi add takes the node's metadata", async () => {
  await project.papi("add", "btt", "--wsUrl", CLOCKED, "--skip-codegen");
  const bytes = await readFile(project.path("metadata", "btt.scale"));
  assert.equal(bytes.subarray(0, 4).toString(), "meta");
});

await check("papi add notes the chain by its genesis", async () => {
  const { btt } = (await project.settings()).entries;
  assert.deepEqual([btt.wsUrl, btt.genesis], [CLOCKED, await node.call("chain_getBlockHash", 0)]);
});

await project.remove();
node.close();
finish();

// PAPI's command line, unmodified, in a project of its own that shares the installed packages.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PACKAGES = fileURLToPath(new URL("../node_modules", import.meta.url));
const run = promisify(execFile);

export class Project {
  static async make() {
    const folder = await mkdtemp(join(tmpdir(), "papi-"));
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "project", type: "module", private: true }));
    await symlink(PACKAGES, join(folder, "node_modules"));
    return new Project(folder);
  }

  constructor(folder) {
    this.folder = folder;
  }

  /** Run `papi` here. Below version 22, node hides the WebSocket that it needs behind an option. */
  papi(...words) {
    const env = { ...process.env, NODE_OPTIONS: "--experimental-websocket" };
    return run(join(PACKAGES, ".bin", "papi"), words, { cwd: this.folder, env });
  }

  path(...parts) {
    return join(this.folder, ".papi", ...parts);
  }

  async settings() {
    return JSON.parse(await readFile(this.path("polkadot-api.json"), "utf8"));
  }

  /** Change the settings that `papi add` wrote. */
  async change(settings) {
    await writeFile(this.path("polkadot-api.json"), JSON.stringify({ ...(await this.settings()), ...settings }));
  }

  remove() {
    return rm(this.folder, { recursive: true });
  }
}

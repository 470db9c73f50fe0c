// Named checks against a started node. Each prints one JSON line, which pytest turns into a test.
//
//   node SCRIPT URL_OF_A_NODE_WITH_A_CLOCK URL_OF_A_NODE_SEALED_ON_DEMAND
//
// `check` goes on after a failure; `need` ends the script, because nothing after it can work.
// `fact` hands a value to pytest, for what Python verifies better.

import { inspect } from "node:util";

export const [CLOCKED, MANUAL] = process.argv.slice(2);

// Several times what a busy machine needs.
const CHECK_SECONDS = 240;
const WAIT_SECONDS = 180;
const SCRIPT_SECONDS = 840;

const deadline = setTimeout(() => {
  console.error(`the script took longer than ${SCRIPT_SECONDS} s`);
  process.exit(3);
}, SCRIPT_SECONDS * 1000);

// A client's stray rejection must not hide which check it belongs to: it fails the one under way.
let stray = () => {};
process.on("unhandledRejection", (reason) => stray(reason));
process.on("uncaughtException", (reason) => stray(reason));

function line(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export async function check(name, body) {
  try {
    const strays = new Promise((_, reject) => {
      stray = (reason) => reject(new Error(`not caught by anybody: ${inspect(reason)}`));
    });
    strays.catch(() => {});
    await soon(Promise.race([body(), strays]), "the check", CHECK_SECONDS);
    line({ name, ok: true, detail: "" });
    return true;
  } catch (problem) {
    line({ name, ok: false, detail: describe(problem) });
    return false;
  }
}

export async function need(name, body) {
  if (!(await check(name, body))) process.exit(1);
}

export function fact(name, value) {
  line({ fact: name, value });
}

/** Say that the script came to its end, and was not cut short. */
export function finish() {
  clearTimeout(deadline);
  line({ done: true });
  process.exit(0);
}

function describe(problem) {
  return problem instanceof Error ? (problem.stack ?? String(problem)) : inspect(problem, { depth: 6 });
}

/** Wait, but not for ever. */
export function soon(promise, what, seconds = WAIT_SECONDS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a promise is rejected with; an error if it is not. */
export async function refusal(promise) {
  let value;
  try {
    value = await promise;
  } catch (problem) {
    return problem;
  }
  throw new Error(`should have been refused, but gave ${inspect(value, { depth: 3 })}`);
}

/** Values of a subscription as they come; `next` waits for one, `until` for one that fits. */
export class Stream {
  constructor(what) {
    this.what = what;
    this.seen = [];
    this.taken = 0;
    this.waiting = [];
  }

  push = (value) => {
    this.seen.push(value);
    for (const wake of this.waiting.splice(0)) wake();
  };

  async next(seconds = WAIT_SECONDS) {
    while (this.taken >= this.seen.length) {
      await soon(new Promise((resolve) => this.waiting.push(resolve)), this.what, seconds);
    }
    return this.seen[this.taken++];
  }

  async take(count, seconds = WAIT_SECONDS) {
    const values = [];
    while (values.length < count) values.push(await this.next(seconds));
    return values;
  }

  async until(fits, seconds = WAIT_SECONDS) {
    for (;;) {
      const value = await this.next(seconds);
      if (fits(value)) return value;
    }
  }
}

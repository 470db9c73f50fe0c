// JSON-RPC over a WebSocket without a client in between: for what clients never send.

import WebSocket from "ws";

import { Stream, soon } from "./checks.mjs";

export class Raw {
  static async open(url) {
    const socket = new WebSocket(url);
    await soon(
      new Promise((resolve, reject) => {
        socket.on("open", resolve);
        socket.on("error", reject);
      }),
      "the connection",
    );
    return new Raw(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.id = 0;
    this.waiting = new Map();
    this.notifications = new Stream("a notification");
    socket.on("message", (data) => {
      const message = JSON.parse(data.toString());
      // A batch goes by the id of its first call.
      const { id } = Array.isArray(message) ? message[0] : message;
      const resolve = this.waiting.get(id);
      if (resolve) {
        this.waiting.delete(id);
        resolve(message);
      } else {
        this.notifications.push(message);
      }
    });
  }

  /** The whole answer, error or not. */
  async ask(method, params = []) {
    const id = ++this.id;
    const answer = new Promise((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return soon(answer, `the answer to ${method}`);
  }

  /** Several calls in one frame: `[method, ...params]` each; their answers in order. */
  async batch(calls) {
    const first = this.id + 1;
    this.id += calls.length;
    const answers = new Promise((resolve) => this.waiting.set(first, resolve));
    const frame = calls.map(([method, ...params], place) => ({ jsonrpc: "2.0", id: first + place, method, params }));
    this.socket.send(JSON.stringify(frame));
    return soon(answers, "the answer to a batch");
  }

  async call(method, ...params) {
    const answer = await this.ask(method, params);
    if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  }

  async error(method, ...params) {
    const answer = await this.ask(method, params);
    if (!answer.error) throw new Error(`${method} was not refused: ${JSON.stringify(answer.result)}`);
    return answer.error;
  }

  close() {
    this.socket.close();
  }
}

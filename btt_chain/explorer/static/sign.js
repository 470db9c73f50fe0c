// Signs what a form prepares. The server need not be trusted: the sentence above the button is
// made here, of the bytes that are signed. Bytes that are not understood, that are not what the
// form is for, or that the server describes in another way, get a warning and no button.
"use strict";
(() => {
  const zh = document.documentElement.lang === "zh";
  const fill = (text, ...parts) => text.replace(/\{(\d)\}/g, (_, i) => parts[i]);
  const say = (en, cn, ...parts) => fill(zh ? cn : en, ...parts);
  // Labels come from the server; nothing of what is signed is said by them.
  const [CONNECT, NONE, SENT, FAILED, FINAL, BLOCK, COSTS, SIGN, SIGN_AS, LOST] =
    document.currentScript.dataset.words.split("|");

  const number = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  /** The key of an address, in hex. */
  const keyOf = (text) => {
    const whole = [...text].reduce((sum, letter) => sum * 58n + BigInt(LETTERS.indexOf(letter)), 0n);
    return whole.toString(16).padStart(70, "0").slice(-68, -4);
  };

  // ---- amounts and texts

  const group = (n) => n.toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const amount = (planck, symbol) => {
    if (planck > 0n && planck < 10n ** 12n) return `${group(planck)} planck`;
    const rest = (planck % 10n ** 18n).toString().padStart(18, "0").replace(/0+$/, "");
    return `${group(planck / 10n ** 18n)}${rest && "."}${rest} ${symbol}`;
  };
  const DECIMALS = { BTT: 18, CNY: 2, EUR: 2, HKD: 2, JPY: 0, USD: 2 };
  const price = (units, code) => {
    const n = DECIMALS[code] ?? fail();
    const digits = units.toString().padStart(n + 1, "0");
    let rest = n ? digits.slice(-n) : "";
    if (code === "BTT") rest = rest.replace(/0+$/, "");
    return `${digits.slice(0, digits.length - n)}${rest && "."}${rest} ${code}`;
  };
  const fail = () => {
    throw new Error("not understood");
  };

  // ---- what the bytes say

  class Bytes {
    constructor(hex, symbol, said) {
      if (!/^0x([0-9a-f]{2})*$/.test(hex)) fail();
      this.left = hex.slice(2).match(/../g).map((byte) => parseInt(byte, 16));
      this.symbol = symbol;
      this.said = said?.match(/\b[1-9A-HJ-NP-Za-km-z]{46,48}\b/g) ?? [];
    }
    take(n) {
      return this.left.length < n ? fail() : this.left.splice(0, n);
    }
    n(size) {
      return number(this.take(size));
    }
    compact() {
      const mode = this.left[0] & 3;
      if (mode < 3) return this.n(1 << mode) >> 2n;
      return this.n((this.take(1)[0] >> 2) + 4);
    }
    amount(value = this.compact()) {
      return amount(value, this.symbol);
    }
    account() {
      if (this.n(1) !== 0n) fail();
      const key = this.take(32).map((byte) => byte.toString(16).padStart(2, "0")).join("");
      // An address that the server says is shown if it has this very key.
      return this.said.find((each) => keyOf(each) === key) ?? `0x${key}`;
    }
    text(size) {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
        .decode(new Uint8Array(this.take(size)));
      return /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|\p{M}{3}/u.test(text) ? fail() : text;
    }
    nothing(size = 1) {
      if (this.n(size) !== 0n) fail();
    }
  }

  const transfer = (b) => {
    const to = b.account();
    return say("Pay {0} to {1}.", "向 {1} 支付 {0}。", b.amount(), to);
  };
  const vote = (b) => {
    const poll = b.compact(), kind = b.n(1), side = kind ? null : b.n(1);
    if (kind === 2n) b.nothing(32);
    else if (kind !== 0n || (side & 127n) > 1n) fail();
    const value = b.amount(b.n(16));
    if (kind) return say("Abstain on referendum {0} with {1}.", "以 {1} 对公投 {0} 投弃权票。", poll, value);
    return side & 128n
      ? say("Vote aye on referendum {0} with {1}.", "以 {1} 对公投 {0} 投赞成票。", poll, value)
      : say("Vote nay on referendum {0} with {1}.", "以 {1} 对公投 {0} 投反对票。", poll, value);
  };
  const order = (b) => {
    const asset = b.n(4), side = b.n(1), units = b.compact(), value = b.amount();
    b.nothing(2);
    return side
      ? say("Sell {0} units of asset {1} for at least {2} each.", "以每单位不低于 {2} 的价格卖出资产 {1} 共 {0} 单位。", units, asset, value)
      : say("Buy {0} units of asset {1} for at most {2} each.", "以每单位不高于 {2} 的价格买入资产 {1} 共 {0} 单位。", units, asset, value);
  };
  const identity = (b) => {
    const datum = () => {
      const kind = Number(b.n(1));
      return kind === 0 ? "" : kind > 1 && kind < 34 ? b.text(kind - 1) : fail();
    };
    const [display, legal, web] = [datum(), datum(), datum()];
    b.nothing();
    const email = datum();
    b.nothing(5);
    const parts = Object.entries({ display, legal, web, email }).filter((part) => part[1]);
    return say("Set the identity: {0}.", "设置身份：{0}。", parts.map((part) => part.join(": ")).join("; "));
  };
  const pay = (b) => {
    const merchant = b.account(), units = b.n(16), code = b.text(3), most = b.amount();
    b.take(16);
    b.nothing();
    return say("Pay the merchant {0} {1}, at most {2}.", "向商户 {0} 支付 {1}，最多 {2}。", merchant, price(units, code), most);
  };
  /** Pallet and call in hex: name, and the sentence of the arguments. */
  const CALLS = {
    "0300": ["Balances.transfer_allow_death", transfer],
    "0303": ["Balances.transfer_keep_alive", transfer],
    "0304": ["Balances.transfer_all", (b) => {
      const to = b.account();
      b.take(1);
      return say("Pay all that can be transferred to {0}.", "将全部可转余额支付给 {0}。", to);
    }],
    "1200": ["ConvictionVoting.vote", vote],
    "1201": ["ConvictionVoting.delegate", (b) => {
      const track = b.n(2), to = b.account();
      if (b.n(1) > 1n) fail();
      return say("Delegate votes with {0} in track {1} to {2}.", "将议题类别 {1} 中 {0} 的投票权委托给 {2}。", b.amount(b.n(16)), track, to);
    }],
    "1202": ["ConvictionVoting.undelegate", (b) =>
      say("End the delegation of votes in track {0}.", "结束议题类别 {0} 中的投票委托。", b.n(2))],
    "1401": ["Identity.set_identity", identity],
    "2000": ["TierStaking.stake", (b) => {
      const value = b.amount(), tier = b.n(1);
      b.nothing();
      return say("Stake {0} in tier {1}.", "以档位 {1} 质押 {0}。", value, tier);
    }],
    "2001": ["TierStaking.claim", (b) => say("Claim the reward of stake {0}.", "领取质押 {0} 的奖励。", b.n(4))],
    "2002": ["TierStaking.unstake", (b) => say("Close stake {0}.", "结束质押 {0}。", b.n(4))],
    "3403": ["Exchange.place_order", order],
    "3404": ["Exchange.cancel_order", (b) => say("Cancel order {0}.", "撤销订单 {0}。", b.n(8))],
    "4104": ["PayFi.pay", pay],
  };
  /** Name and sentence of the bytes of a call; null if they are not understood. */
  const read = ({ payload: { method }, sentence: said }, symbol) => {
    try {
      const bytes = new Bytes(method, symbol, said);
      const [name, words] = CALLS[method.slice(2, 6)] ?? fail();
      bytes.take(2);
      const sentence = words(bytes);
      return bytes.left.length ? null : { name, sentence };
    } catch {
      return null;
    }
  };

  // ---- what a payload may have besides its call

  const FIELDS = ["address", "blockHash", "blockNumber", "era", "genesisHash", "method", "nonce",
    "specVersion", "tip", "transactionVersion", "signedExtensions", "version", "mode", "metadataHash"];
  /** The reason why an offer must not be signed; empty if it may. */
  const wrong = (offer, own, form, signer) => {
    const { payload } = offer;
    if (!own) {
      return say("Do not sign: this page does not understand the bytes that the server prepared.",
        "请勿签名：本页面无法识别服务器准备的数据。");
    }
    if (own.name !== form.dataset.call) {
      return say("Do not sign: the server prepared another action than this form's: {0}",
        "请勿签名：服务器准备的操作与此表单不符：{0}", own.sentence);
    }
    if (own.sentence !== offer.sentence) {
      return say("Do not sign: the server says “{0}”, but the bytes say “{1}”",
        "请勿签名：服务器称“{0}”，但数据的内容是“{1}”", offer.sentence, own.sentence);
    }
    const isSame = keyOf(payload.address) === keyOf(signer) && BigInt(payload.tip) === 0n &&
      payload.genesisHash === form.dataset.genesis && !Object.keys(payload).some((key) => !FIELDS.includes(key));
    return isSame ? "" : say("Do not sign: account, chain or tip are not those of this page.",
      "请勿签名：账户、链或小费与本页面不一致。");
  };

  // ---- the form

  const add = (parent, tag, text = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    parent.append(made);
    return made;
  };
  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST", body: JSON.stringify(body),
      headers: { "content-type": "application/json", accept: "application/json" },
    });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  };
  const wallets = {};
  const connect = async (form, place) => {
    for (const [name, wallet] of Object.entries(globalThis.injectedWeb3 ?? {})) {
      const ext = (wallets[name] ??= await wallet.enable("BTT explorer"));
      let list = form.elements.account;
      if (list.tagName !== "SELECT") {
        const made = document.createElement("select");
        made.name = "account";
        list.replaceWith(made);
        list = made;
      }
      for (const account of await ext.accounts.get()) {
        const option = add(list, "option", `${account.name ?? ""} ${account.address.slice(0, 8)}… (${name})`);
        option.value = account.address;
        option.dataset.wallet = name;
        option.selected = true;
      }
      list.focus();
      place.remove();
    }
    if (place.isConnected) place.textContent = NONE;
  };
  /** Give a wallet the metadata, so that it shows the call itself. */
  const introduce = async (ext, payload) => {
    const known = (await ext.metadata?.get()) ?? [];
    const isKnown = known.some((each) =>
      each.genesisHash === payload.genesisHash && each.specVersion === Number(payload.specVersion));
    if (!ext.metadata || isKnown) return;
    await ext.metadata.provide(await (await fetch("/tx/metadata.json")).json());
  };
  const show = (form) => {
    form.querySelector(".offer")?.remove();
    const panel = add(form, "div");
    panel.className = "offer";
    panel.setAttribute("role", "status");
    return panel;
  };
  const warn = (panel, text) => {
    panel.replaceChildren();
    panel.classList.add("wrong");
    panel.setAttribute("role", "alert");
    add(panel, "p", text);
  };
  const follow = (panel, hash) => {
    const line = add(panel, "p", SENT);
    const source = new EventSource(`/tx/status/${hash}`);
    source.onmessage = ({ data }) => {
      const news = JSON.parse(data);
      if (news.state === "sent") return;
      if (news.reason) warn(panel, fill(FAILED, news.reason));
      else {
        line.textContent = news.state === "final" ? FINAL : BLOCK;
        add(line, "a", news.place).href = `/tx/${news.place}`;
      }
      panel.dataset.state = news.state;
      if (news.state !== "block") source.close();
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) line.textContent = fill(LOST, hash);
    };
    addEventListener("pagehide", () => source.close());
  };
  const prepare = async (form, chosen) => {
    const panel = show(form);
    try {
      const offer = await post("/tx/prepare", Object.fromEntries(new FormData(form)));
      const own = read(offer, form.dataset.symbol);
      const reason = wrong(offer, own, form, chosen.value);
      if (reason) return warn(panel, reason);
      add(panel, "p").append(Object.assign(document.createElement("b"), { textContent: own.sentence }));
      add(panel, "p", fill(COSTS, amount(BigInt(offer.fee), form.dataset.symbol), group(offer.dies)));
      for (const text of offer.warnings) add(panel, "p", text);
      const ext = wallets[chosen.dataset.wallet];
      const button = add(panel, "button", ext ? SIGN : fill(SIGN_AS, offer.signAs));
      button.type = "button";
      button.focus();
      button.onclick = async () => {
        button.disabled = true;
        try {
          const { payload, seal, signAs } = offer;
          const proof = { signAs };
          if (ext) {
            await introduce(ext, payload).catch(() => {}); // it can sign without
            proof.signature = (await ext.signer.signPayload(payload)).signature;
            delete proof.signAs;
          }
          const { hash } = await post("/tx/submit", { payload, seal, ...proof });
          button.remove();
          follow(panel, hash);
        } catch (error) {
          warn(panel, error.message);
        }
      };
    } catch (error) {
      warn(panel, error.message);
    }
  };

  for (const form of document.querySelectorAll("form[data-call]")) {
    const button = add(form, "button", CONNECT);
    button.type = "button";
    form.elements.account.parentElement.after(button);
    button.onclick = () => connect(form, button).catch((error) => warn(show(form), error.message));
    form.addEventListener("submit", (event) => {
      const chosen = form.elements.account.selectedOptions?.[0];
      if (!chosen) return; // a typed address: a device or the command line signs
      event.preventDefault();
      prepare(form, chosen);
    });
    form.addEventListener("input", () => form.querySelector(".offer")?.remove());
  }
})();

// @polkadot/api, unmodified, decides and trades: it reads the pallets of governance and of assets
// from the metadata alone, and uses each as its apps do.

import assert from "node:assert/strict";

const complaints = [];
for (const kind of ["warn", "error"]) {
  const say = console[kind];
  console[kind] = (...words) => {
    complaints.push(words.join(" "));
    if (process.env.BTT_COMPAT_VERBOSE) say(...words);
  };
}

const { ApiPromise, Keyring, WsProvider } = await import("@polkadot/api");
const { stringToHex } = await import("@polkadot/util");
const { blake2AsHex, cryptoWaitReady } = await import("@polkadot/util-crypto");
const { CLOCKED, check, finish, need, soon } = await import("./checks.mjs");

const BTT = 10n ** 18n;
await cryptoWaitReady();
const ring = new Keyring({ type: "sr25519", ss58Format: 42 });
const [alice, bob, charlie, dave, eve, ferdie] = ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"].map((name) =>
  ring.addFromUri(`//${name}`),
);
/** An institution of the documents: its vesting money votes, and it needs some for fees. */
const bitwave = ring.addFromUri("//holder//bitwave");
const SMALL_SPENDER = 10;
const DAY = 60;
let api;

/** Sign and send, wait until it is final; its events by name. Fails if the call fails. */
function send(tx, pair) {
  return soon(
    new Promise((resolve, reject) => {
      tx.signAndSend(pair, { nonce: -1 }, ({ status, events, dispatchError, isError }) => {
        if (isError) reject(new Error(`the transaction ended as ${status.type}`));
        if (!status.isFinalized) return;
        if (dispatchError) reject(new Error(explained(dispatchError)));
        const all = events.map(({ event }) => event);
        const sudid = all.find((event) => event.method === "Sudid");
        if (sudid?.data[0].isErr) reject(new Error(explained(sudid.data[0].asErr)));
        resolve((name) => {
          const [section, method] = name.split(".");
          const found = all.filter((event) => event.section === section && event.method === method);
          assert.equal(found.length, 1, `${name} among ${all.map((event) => `${event.section}.${event.method}`)}`);
          return found[0].data;
        });
      }).catch(reject);
    }),
    "finality of a transaction",
  );
}

function explained(error) {
  if (!error.isModule) return error.toString();
  const { section, name, docs } = api.registry.findMetaError(error.asModule);
  return `${section}.${name}: ${docs.join(" ")}`;
}

const asRoot = (call) => send(api.tx.sudo.sudo(call), alice);
const raw = (method, params = []) => api._rpcCore.provider.send(method, params);
async function pass(blocks) {
  for (let block = 0; block < blocks; block++) await raw("engine_createBlock", [true, true]);
}
const now = async () => {
  const [slot, genesis] = await Promise.all([api.query.babe.currentSlot(), api.query.babe.genesisSlot()]);
  return slot.toNumber() - genesis.toNumber();
};
const free = async (who) => (await api.query.system.account(who.address ?? who)).data.free.toBigInt();

await need("connects to a node with a block for each transaction", async () => {
  const made = new ApiPromise({ provider: new WsProvider(CLOCKED), throwOnConnect: true });
  api = await soon(made.isReadyOrError, "the node");
});

await check("finds what pages of referenda are made from", async () => {
  const tracks = api.consts.referenda.tracks.map(([id, track]) => [id.toNumber(), track.name.toString()]);
  assert.equal(tracks.length, 11);
  assert.ok(tracks.some(([id, name]) => id === SMALL_SPENDER && name.startsWith("small_spender")));
  assert.equal(api.consts.referenda.submissionDeposit.toBigInt(), 10n * BTT);
  assert.equal(api.consts.convictionVoting.voteLockingPeriod.toNumber(), 7 * DAY);
  assert.ok(api.consts.scheduler.maximumWeight.refTime.toBigInt() > 0n);
});

// --- identities ---------------------------------------------------------------------

await check("has an identity judged, and shows it", async () => {
  const added = (await asRoot(api.tx.identity.addRegistrar(charlie.address)))("identity.RegistrarAdded");
  assert.equal(added[0].toNumber(), 0);
  const info = { display: { Raw: "Alice of BTT" }, web: { Raw: "https://btt.example" } };
  assert.equal((await send(api.tx.identity.setIdentity(info), alice))("identity.IdentitySet")[0].toString(), alice.address);
  await send(api.tx.identity.requestJudgement(0, BTT), alice);
  const registered = (await api.query.identity.identityOf(alice.address)).unwrap();
  const judged = api.tx.identity.provideJudgement(0, alice.address, "Reasonable", registered.info.hash);
  assert.equal((await send(judged, charlie))("identity.JudgementGiven")[1].toNumber(), 0);
  const shown = await api.derive.accounts.identity(alice.address);
  assert.deepEqual([shown.display, shown.web], ["Alice of BTT", "https://btt.example"]);
  assert.deepEqual(
    shown.judgements.map(([registrar, judgement]) => [registrar.toNumber(), judgement.type]),
    [[0, "Reasonable"]],
  );
  assert.equal((await api.derive.accounts.info(alice.address)).identity.display, "Alice of BTT");
  await send(api.tx.identity.addSub(dave.address, { Raw: "her account" }), alice);
  const sub = await api.derive.accounts.identity(dave.address);
  assert.deepEqual([sub.parent?.toString(), sub.displayParent, sub.display], [alice.address, "Alice of BTT", "her account"]);
  await send(api.tx.identity.removeSub(dave.address), alice);
});

// --- a decision ---------------------------------------------------------------------

let paying;
let index;
await need("notes a preimage, and reads it back", async () => {
  paying = api.tx.utility.batchAll([1, 2, 3].map((n) => api.tx.treasury.spendLocal(BigInt(n) * BTT, eve.address)));
  const bytes = paying.method.toHex();
  const hash = blake2AsHex(bytes);
  assert.equal((await send(api.tx.preimage.notePreimage(bytes), alice))("preimage.Noted")[0].toHex(), hash);
  const status = (await api.query.preimage.requestStatusFor(hash)).unwrap();
  assert.ok(status.isUnrequested);
  const stored = (await api.query.preimage.preimageFor([hash, status.asUnrequested.len])).unwrap();
  assert.equal(api.createType("Call", stored.toU8a(true)).toHex(), bytes);
});

await need("submits a referendum for it, and places the deposits", async () => {
  const lookup = { Lookup: { hash: paying.method.hash, len: paying.method.encodedLength } };
  const submit = api.tx.referenda.submit({ Origins: "SmallSpender" }, lookup, { After: 1 });
  const [number, track, proposal] = (await send(submit, alice))("referenda.Submitted");
  index = number.toNumber();
  assert.deepEqual([track.toNumber(), proposal.asLookup.len.toNumber()], [SMALL_SPENDER, paying.method.encodedLength]);
  const placed = (await send(api.tx.referenda.placeDecisionDeposit(index), bob))("referenda.DecisionDepositPlaced");
  assert.equal(placed.amount.toBigInt(), 100n * BTT);
  const ongoing = (await api.query.referenda.referendumInfoFor(index)).unwrap().asOngoing;
  assert.equal(ongoing.submissionDeposit.who.toString(), alice.address);
  assert.equal(ongoing.decisionDeposit.unwrap().who.toString(), bob.address);
  assert.deepEqual([ongoing.origin.asOrigins.type, ongoing.deciding.isNone], ["SmallSpender", true]);
  assert.equal((await api.query.referenda.referendumCount()).toNumber(), index + 1);
  const [deciding, queue] = await Promise.all([api.query.referenda.decidingCount(SMALL_SPENDER), api.query.referenda.trackQueue(SMALL_SPENDER)]);
  assert.deepEqual([deciding.toNumber(), queue.length], [0, 0]);
});

await check("votes and delegates, and reads votes, classes and locks", async () => {
  await send(api.tx.balances.transferKeepAlive(bitwave.address, 10n * BTT), alice);
  const standard = (aye, balance) => ({ Standard: { vote: { aye, conviction: "Locked1x" }, balance } });
  const { vote, delegate } = api.tx.convictionVoting;
  const voted = (await send(vote(index, standard(true, 2_000_000n * BTT)), bitwave))("convictionVoting.Voted");
  assert.equal(voted[0].toString(), bitwave.address);
  await send(vote(index, standard(false, 20_000n * BTT)), bob);
  await send(vote(index, { SplitAbstain: { aye: 5n * BTT, nay: 0, abstain: 5n * BTT } }), charlie);
  await send(delegate(SMALL_SPENDER, bob.address, "Locked1x", 1_000n * BTT), ferdie);
  const casting = (await api.query.convictionVoting.votingFor(bob.address, SMALL_SPENDER)).asCasting;
  const [[poll, { asStandard: said }]] = casting.votes;
  assert.deepEqual([poll.toNumber(), said.vote.isNay, said.balance.toBigInt()], [index, true, 20_000n * BTT]);
  assert.equal(casting.delegations.votes.toBigInt(), 1_000n * BTT);
  const delegating = (await api.query.convictionVoting.votingFor(ferdie.address, SMALL_SPENDER)).asDelegating;
  assert.deepEqual([delegating.target.toString(), delegating.conviction.type], [bob.address, "Locked1x"]);
  const [[track, locked]] = await api.query.convictionVoting.classLocksFor(bob.address);
  assert.deepEqual([track.toNumber(), locked.toBigInt()], [SMALL_SPENDER, 20_000n * BTT]);
  const { lockedBreakdown } = await api.derive.balances.all(bob.address);
  assert.deepEqual(
    lockedBreakdown.map(({ id, amount }) => [id.toHuman(), amount.toBigInt()]),
    [["pyconvot", 20_000n * BTT]],
  );
  const all = await api.query.convictionVoting.votingFor.entries();
  const voters = all.filter(([, voting]) => voting.isCasting && voting.asCasting.votes.some(([poll]) => poll.eqn(index)));
  assert.equal(voters.length, 3);
  const { tally } = (await api.query.referenda.referendumInfoFor(index)).unwrap().asOngoing;
  assert.ok(tally.ayes.toBigInt() > tally.nays.toBigInt() && tally.nays.toBigInt() > 0n);
});

await check("stands for a seat and is backed, and asks the chambers", async () => {
  await send(api.tx.chambers.submitCandidacy(), alice);
  assert.ok((await api.query.chambers.candidates(alice.address)).isSome);
  await send(api.tx.chambers.voteRepresentative([alice.address], 50n * BTT), bob);
  assert.equal((await api.query.chambers.running())[0].toString(), alice.address);
  const state = await api.call.chambersApi.state();
  assert.equal(state.institutions.length, 5);
  assert.deepEqual((await api.call.chambersApi.weights(2028)).map(Number), [1400, 2000, 2800, 800]);
  const election = await api.call.chambersApi.election();
  assert.equal(election.candidates[0].who.toString(), alice.address);
  assert.equal((await api.call.chambersApi.tally(index)).unwrap().chambers.length, 4);
});

await check("has root vouch for a call, and make it", async () => {
  const remark = api.tx.system.remarkWithEvent("0x626c616d65");
  assert.equal((await asRoot(api.tx.whitelist.whitelistCall(remark.method.hash)))("whitelist.CallWhitelisted")[0].toHex(), remark.method.hash.toHex());
  assert.ok((await api.query.whitelist.whitelistedCall(remark.method.hash)).isSome);
  const made = (await asRoot(api.tx.whitelist.dispatchWhitelistedCallWithPreimage(remark.method)))("whitelist.WhitelistedCallDispatched");
  assert.equal(made[0].toHex(), remark.method.hash.toHex());
});

let scheduled;
await check("schedules a call, and finds it in the agenda", async () => {
  scheduled = (await now()) + 2 * DAY;
  const name = blake2AsHex("0x01");
  const task = api.tx.scheduler.scheduleNamed(name, scheduled, null, 63, api.tx.balances.forceTransfer(alice.address, dave.address, BTT));
  const [when, place] = (await asRoot(task))("scheduler.Scheduled");
  assert.deepEqual([when.toNumber(), place.toNumber()], [scheduled, 0]);
  const [entry] = await api.query.scheduler.agenda(scheduled);
  const { maybeId, priority, call, origin } = entry.unwrap();
  assert.deepEqual([maybeId.unwrap().toHex(), priority.toNumber(), origin.asSystem.type], [name, 63, "Root"]);
  assert.equal(api.createType("Call", call.asInline.toU8a(true)).method, "forceTransfer");
  assert.equal((await api.query.scheduler.lookup(name)).unwrap()[0].toNumber(), scheduled);
});

await check("schedules an upgrade, reads when it comes, and cancels it", async () => {
  const next = api.createType("RuntimeVersion", { ...api.runtimeVersion.toJSON(), specVersion: api.runtimeVersion.specVersion.toNumber() + 1 });
  const slot = (await now()) + 10 * DAY;
  const planned = (await asRoot(api.tx.upgrade.schedule(next.toHex(), slot)))("upgrade.UpgradeScheduled");
  assert.deepEqual([planned.specVersion.toNumber(), planned.slot.toNumber()], [next.specVersion.toNumber(), slot]);
  const stored = (await api.query.upgrade.scheduled()).unwrap();
  assert.equal(api.createType("RuntimeVersion", stored.code.toU8a(true)).specName.toString(), "btt");
  await asRoot(api.tx.upgrade.cancel());
  assert.ok((await api.query.upgrade.scheduled()).isNone);
});

// --- something real -----------------------------------------------------------------

let asset;
const DOCUMENTS = blake2AsHex("0xca75ca");
await need("registers an asset, and two verifiers attest it", async () => {
  for (const [pair, regulatory] of [[dave, true], [eve, false]]) {
    await send(api.tx.assetRegistry.bondVerifier(5_000n * BTT), pair);
    await asRoot(api.tx.assetRegistry.appointVerifier(pair.address, regulatory, !regulatory));
  }
  const { register, verify } = api.tx.assetRegistry;
  const names = [stringToHex("CT scanner"), stringToHex("CT1")];
  const made = register("Equipment", "Ownership", DOCUMENTS, DOCUMENTS, ...names, 20_000n * BTT, 1_000, false);
  asset = (await send(made, alice))("assetRegistry.AssetRegistered")[0].toNumber();
  await send(verify(asset, "Regulatory", 1, true, DOCUMENTS), dave);
  await send(verify(asset, "Technical", 1, true, DOCUMENTS), eve);
  const info = (await api.query.assetRegistry.registered(asset)).unwrap();
  assert.deepEqual([info.kind.type, info.state.type, info.name.toUtf8()], ["Equipment", "Voting", "CT scanner"]);
  assert.equal((await api.query.assetRegistry.byDocuments(DOCUMENTS)).unwrap().toNumber(), asset);
  assert.ok((await api.query.assetRegistry.polls(asset)).isSome);
});

const before = {};
await need("lets three days of decisions pass", async () => {
  before.dave = await free(dave);
  await pass(3 * DAY + 5);
});

await check("sees the referendum approved and done, and has the deposits back", async () => {
  const info = (await api.query.referenda.referendumInfoFor(index)).unwrap();
  assert.ok(info.isApproved, info.type);
  const approvals = await api.query.treasury.approvals();
  const proposals = await Promise.all(approvals.map((number) => api.query.treasury.proposals(number)));
  assert.deepEqual(proposals.map((one) => one.unwrap().value.toBigInt()), [BTT, 2n * BTT, 3n * BTT]);
  const shown = (await api.derive.treasury.proposals()).approvals.map(({ proposal }) => proposal.beneficiary.toString());
  assert.deepEqual(shown, [eve.address, eve.address, eve.address]);
  assert.equal((await free(dave)) - before.dave, BTT);
  const { refundSubmissionDeposit, refundDecisionDeposit } = api.tx.referenda;
  assert.equal((await send(refundSubmissionDeposit(index), alice))("referenda.SubmissionDepositRefunded")[1].toString(), alice.address);
  assert.equal((await send(refundDecisionDeposit(index), alice))("referenda.DecisionDepositRefunded")[1].toString(), bob.address);
});

await check("finds events of the chain itself in the blocks between", async () => {
  const wanted = ["referenda.DecisionStarted", "referenda.Confirmed", "scheduler.Dispatched"];
  const found = new Set();
  const last = (await api.rpc.chain.getHeader()).number.toNumber();
  const [first, end] = await Promise.all([last - 3 * DAY - 10, last].map((at) => api.rpc.chain.getBlockHash(at)));
  const sets = await raw("state_queryStorage", [[api.query.system.events.key()], first.toHex(), end.toHex()]);
  for (const { changes: [[, events]] } of sets) {
    const records = api.createType("Vec<EventRecord>", events);
    for (const { event, phase } of records) if (phase.isInitialization) found.add(`${event.section}.${event.method}`);
  }
  for (const name of wanted) assert.ok(found.has(name), `${name} in ${[...found]}`);
});

await check("takes votes back and unlocks", async () => {
  await send(api.tx.convictionVoting.removeVote(SMALL_SPENDER, index), charlie);
  await send(api.tx.convictionVoting.undelegate(SMALL_SPENDER), ferdie);
  await send(api.tx.convictionVoting.unlock(SMALL_SPENDER, charlie.address), charlie);
  await send(api.tx.chambers.removeRepVote(), bob);
  assert.ok((await api.query.convictionVoting.votingFor(charlie.address, SMALL_SPENDER)).asCasting.votes.isEmpty);
});

await need("issues units, which wallets show", async () => {
  const issued = (await send(api.tx.assetRegistry.issue(asset), alice))("assetRegistry.AssetIssued");
  assert.equal(issued.units.toNumber(), 1_000);
  const details = (await api.query.assets.asset(asset)).unwrap();
  assert.deepEqual([details.supply.toNumber(), details.status.type, details.accounts.toNumber()], [1_000, "Live", 1]);
  const { name, symbol, decimals } = await api.query.assets.metadata(asset);
  assert.deepEqual([name.toUtf8(), symbol.toUtf8(), decimals.toNumber()], ["CT scanner", "CT1", 0]);
  const moved = (await send(api.tx.assets.transfer(asset, bob.address, 300), alice))("assets.Transferred");
  assert.equal(moved.amount.toNumber(), 300);
  const held = (await api.query.assets.account(asset, bob.address)).unwrap();
  assert.deepEqual([held.balance.toNumber(), held.status.type], [300, "Liquid"]);
  await send(api.tx.assets.touch(asset), charlie);
  assert.equal((await api.query.assets.account(asset, charlie.address)).unwrap().balance.toNumber(), 0);
});

await check("pays revenue to those who hold units", async () => {
  await send(api.tx.assetRegistry.distributeRevenue(asset, 100n * BTT), alice);
  const paid = (await send(api.tx.assetRegistry.claimRevenue(asset), bob))("assetRegistry.RevenuePaid");
  assert.equal(paid.amount.toBigInt(), 30n * BTT);
});

await need("trades: orders of one block meet in the next, at one price", async () => {
  const { listAsset, placeOrder, cancelOrder } = api.tx.exchange;
  await send(listAsset(asset), alice);
  assert.ok((await api.query.exchange.listings(asset)).isSome);
  const sold = (await send(placeOrder(asset, "Sell", 100, 25n * BTT, "UntilCancelled", null), alice))("exchange.OrderPlaced");
  const order = (await api.query.exchange.orders(sold.id)).unwrap();
  assert.deepEqual([order.side.type, order.units.toNumber(), order.price.toBigInt()], ["Sell", 100, 25n * BTT]);
  await send(placeOrder(asset, "Buy", 40, 25n * BTT, "Immediate", null), ferdie);
  await pass(1);
  const [trade] = await api.query.exchange.trades(asset);
  assert.deepEqual([trade.units.toNumber(), trade.price.toBigInt()], [40, 25n * BTT]);
  assert.equal((await api.query.assets.account(asset, ferdie.address)).unwrap().balance.toNumber(), 40);
  const book = await api.call.exchangeApi.book(asset, 5);
  assert.deepEqual([book.bids.length, book.asks[0].units.toNumber()], [0, 60]);
  assert.equal((await send(cancelOrder(sold.id), alice))("exchange.OrderCancelled").id.toNumber(), sold.id.toNumber());
});

await check("begins a vault, and takes out of it what was put in", async () => {
  const made = await send(api.tx.vaults.createVault(asset, 150, 100n * BTT, 50), alice);
  const id = made("vaults.VaultCreated").id.toNumber();
  const vault = (await api.query.vaults.vaults(id)).unwrap();
  assert.deepEqual([vault.manager.toString(), vault.feeBps.toNumber()], [alice.address, 150]);
  assert.equal((await api.query.vaults.shares(id, alice.address)).toBigInt(), 100n * BTT);
  const most = [BTT, BTT, 1];
  assert.equal((await send(api.tx.vaults.depositVault(id, ...most), bob))("vaults.Deposited").units.toNumber(), 1);
  const view = (await api.call.exchangeApi.vault(id)).unwrap();
  assert.equal(view.units.toNumber(), 51);
  assert.equal((await send(api.tx.vaults.withdrawVault(id, BTT), bob))("vaults.Withdrawn").shares.toBigInt(), BTT);
});

await check("explains what these pallets refuse", async () => {
  for (const [tx, pair, words] of [
    [api.tx.referenda.placeDecisionDeposit(99), bob, "referenda.NotOngoing: The referendum is not ongoing"],
    [api.tx.exchange.placeOrder(99, "Sell", 1, BTT, "UntilCancelled", null), bob, "exchange.NotListed: "],
    [api.tx.assets.transfer(asset, bob.address, 10_000_000), alice, "assets.BalanceLow: "],
    [api.tx.chambers.submitCandidacy(), ferdie, "chambers.NotVerified: "],
  ]) {
    await assert.rejects(send(tx, pair), (problem) => problem.message.startsWith(words) || assert.fail(problem.message));
  }
});

await check("complains of nothing", async () => {
  const expected = /RPC methods not decorated: (archive_v1|chainHead_v1|chainSpec_v1|transaction_v1|transactionWatch_v1)/;
  assert.deepEqual(complaints.filter((words) => !expected.test(words)), []);
});

finish();

// Key files of the wallet in @polkadot/keyring, and those of @polkadot/keyring for the wallet.
// Arguments: a folder with SCHEME.json of ours; theirs is written beside as sr25519-js.json. Theirs of
// the other schemes are recorded in tests/vectors/wallet.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Keyring } from '@polkadot/keyring';
import { u8aToHex } from '@polkadot/util';
import { cryptoWaitReady } from '@polkadot/util-crypto';

const [folder, password] = process.argv.slice(2);
await cryptoWaitReady();
const found = {};
for (const scheme of ['sr25519', 'ed25519', 'ecdsa']) {
  const keyring = new Keyring({ type: scheme, ss58Format: 42 });
  const ours = keyring.addFromJson(JSON.parse(readFileSync(join(folder, `${scheme}.json`), 'utf8')));
  let refused = '';
  if (scheme === 'ed25519') {
    try {
      ours.unlock('wrong');
    } catch (error) {
      refused = error.message;
    }
  }
  ours.unlock(password);
  found[scheme] = {
    address: ours.address,
    name: ours.meta.name,
    refused,
    signature: u8aToHex(ours.sign('hello'))
  };
}
const bob = new Keyring({ type: 'sr25519', ss58Format: 42 }).addFromUri('//Bob', { name: 'bob' });
writeFileSync(join(folder, 'sr25519-js.json'), JSON.stringify(bob.toJson(password)));
console.log(JSON.stringify(found));

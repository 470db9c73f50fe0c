// Answers lines of JSON with @cloudflare/blindrsa-ts: a wallet and a signer of blind signatures.

import { createInterface } from 'node:readline';
import { webcrypto } from 'node:crypto';

import { RSABSSA } from '@cloudflare/blindrsa-ts';

const suite = RSABSSA.SHA384.PSS.Randomized();
const algorithm = { name: 'RSA-PSS', hash: 'SHA-384' };
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => new Uint8Array(Buffer.from(text, 'hex'));
let pair;

const publicKey = (modulus) =>
  webcrypto.subtle.importKey(
    'jwk',
    { kty: 'RSA', n: Buffer.from(modulus, 'hex').toString('base64url'), e: 'AQAB', ext: true },
    algorithm,
    true,
    ['verify'],
  );

const answers = {
  async blind({ modulus, message }) {
    const prepared = suite.prepare(bytes(message));
    const { blindedMsg, inv } = await suite.blind(await publicKey(modulus), prepared);
    return { prepared: hex(prepared), blinded: hex(blindedMsg), inverse: hex(inv) };
  },
  async finalize({ modulus, prepared, signed, inverse }) {
    const key = await publicKey(modulus);
    const signature = await suite.finalize(key, bytes(prepared), bytes(signed), bytes(inverse));
    return { signature: hex(signature) };
  },
  async generate() {
    pair = await webcrypto.subtle.generateKey(
      { ...algorithm, modulusLength: 2048, publicExponent: Uint8Array.from([1, 0, 1]) },
      true,
      ['sign', 'verify'],
    );
    const { n } = await webcrypto.subtle.exportKey('jwk', pair.publicKey);
    return { modulus: Buffer.from(n, 'base64url').toString('hex') };
  },
  async sign({ blinded }) {
    return { signed: hex(await suite.blindSign(pair.privateKey, bytes(blinded))) };
  },
  async verify({ modulus, prepared, signature }) {
    const key = await publicKey(modulus);
    return { valid: await suite.verify(key, bytes(signature), bytes(prepared)) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...args } = JSON.parse(line);
  try {
    console.log(JSON.stringify(await answers[call](args)));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}

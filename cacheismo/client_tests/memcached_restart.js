// The npm package `memcached` over a restart of its server. Says on stdout where it is, and waits on
// stdin for what happened to the server: stored, <killed>, refused, <started>, done.
'use strict';

const assert = require('assert');
const readline = require('readline');
const { promisify } = require('util');
const Memcached = require('memcached');

const PATIENCE_MS = 20000;

const client = new Memcached(process.argv[2], {
  timeout: PATIENCE_MS, retries: 0, failures: 1000, reconnect: 50, retry: 10,
});
const call = (name, ...rest) => promisify(client[name]).call(client, ...rest);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function until(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert(Date.now() < deadline, `still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const works = (promise) => promise.then((value) => value === true, () => false);

(async () => {
  await call('set', 'k', 'one', 0);
  console.log('stored');
  await lines.next();
  await until(async () => !(await works(call('set', 'k', 'two', 0))), 'the loss is noticed');
  console.log('refused');
  await lines.next();
  await until(() => works(call('set', 'k', 'three', 0)), 'the client is back');
  assert.strictEqual(await call('get', 'k'), 'three');
  console.log('done');
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

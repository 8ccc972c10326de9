// The npm package `memcached` doing its ordinary operations; prints "done" or throws.
'use strict';

const assert = require('assert');
const { promisify } = require('util');
const Memcached = require('memcached');

const PATIENCE_MS = 20000;
const MIB = 1024 * 1024;

const client = new Memcached(process.argv[2], {
  timeout: PATIENCE_MS, retries: 0, maxValue: 2 * MIB,
});
const call = (name, ...rest) => promisify(client[name]).call(client, ...rest);

async function until(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert(Date.now() < deadline, `still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function storing() {
  assert.strictEqual(await call('set', 'k', 'one', 0), true);
  assert.strictEqual(await call('get', 'k'), 'one');
  assert.strictEqual(await call('get', 'missing'), undefined);
  await assert.rejects(call('add', 'k', 'two', 0), /not stored/i);
  assert.strictEqual(await call('replace', 'k', 'two', 0), true);
  assert.strictEqual(await call('append', 'k', '>'), true);
  assert.strictEqual(await call('prepend', 'k', '<'), true);
  assert.strictEqual(await call('get', 'k'), '<two>');
  assert.strictEqual(await call('del', 'k'), true);
  assert.strictEqual(await call('del', 'k'), false);
}

async function typesTravelInTheFlags() {
  const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  for (const [key, value] of Object.entries({ text: 'é', number: 7, object: { a: [1] }, binary })) {
    await call('set', key, value, 0);
    assert.deepStrictEqual(await call('get', key), value);
  }
}

async function manyKeys() {
  const keys = Array.from({ length: 200 }, (_, i) => `key${i}`);
  await Promise.all(keys.map((key) => call('set', key, `value of ${key}`, 0)));
  const found = await call('getMulti', [...keys, 'missing']);
  assert.strictEqual(Object.keys(found).length, 200);
  keys.forEach((key) => assert.strictEqual(found[key], `value of ${key}`));
}

async function casLetsOneWriterWin() {
  await call('set', 'c', 'old', 0);
  const { cas } = await call('gets', 'c');
  assert.strictEqual(await call('cas', 'c', 'first', cas, 0), true);
  assert.strictEqual(await call('cas', 'c', 'second', cas, 0), false);
  assert.strictEqual(await call('get', 'c'), 'first');
}

async function counting() {
  await call('set', 'n', 10, 0);
  assert.strictEqual(await call('incr', 'n', 5), 15);
  assert.strictEqual(await call('decr', 'n', 20), 0);
  assert.strictEqual(await call('incr', 'missing', 1), false);
}

async function expiry() {
  await call('set', 'short', 'x', 1);
  await call('set', 'kept', 'x', 1);
  assert.strictEqual(await call('touch', 'kept', 100), true);
  await until(async () => (await call('get', 'short')) === undefined, 'the item is gone');
  assert.strictEqual(await call('get', 'kept'), 'x');
}

async function bigValues() {
  const value = Buffer.alloc(MIB - 1024, 'v');
  await call('set', 'big', value, 0);
  assert(value.equals(await call('get', 'big')));
}

async function aValueThatIsTooBig() {
  // This client treats every SERVER_ERROR as trouble with the server: an event, and `false`.
  const issue = new Promise((resolve) => client.once('issue', (details) => resolve(details.messages)));
  assert.strictEqual(await call('set', 'big', Buffer.alloc(MIB + 1), 0), false);
  assert.match((await issue).join(), /object too large for cache/);
  client.end();  // it would stay away from the server for a while
}

async function aboutTheServer() {
  const [version] = await call('version');
  assert.match(version.version, /^1\.([6-9]|\d\d)/);
  const [stats] = await call('stats');
  assert(stats.cmd_set > 0);
  await call('flush');
  assert.strictEqual(await call('get', 'k'), undefined);
}

(async () => {
  await storing();
  await typesTravelInTheFlags();
  await manyKeys();
  await casLetsOneWriterWin();
  await counting();
  await expiry();
  await bigValues();
  await aboutTheServer();
  await aValueThatIsTooBig();
  console.log('done');
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

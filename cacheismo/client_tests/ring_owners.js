// Where the npm package `memcached`, at its defaults, looks for keys: standard input is
// {"servers": what its constructor takes, "keys": [...]}, standard output one server per key.
'use strict';

const Memcached = require('memcached');

const { servers, keys } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const ring = new Memcached(servers).HashRing;
console.log(JSON.stringify(keys.map((key) => ring.get(key))));

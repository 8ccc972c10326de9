// The npm package `memjs` speaks only the binary protocol. A text-only server must end each of its
// attempts soon, so that nothing waits for ever; prints "refused".
//
// memjs drops the callbacks of a connection that closes without an error of the socket, so the close
// is looked for below it.
'use strict';

const memjs = require('memjs');

const PATIENCE_MS = 20000;

// retries 1: one attempt for each call. The timeouts are beyond the patience: nobody times out here.
const client = memjs.Client.create(process.argv[2], {
  timeout: 3600, conntimeout: 3600, retries: 1, logger: { log: () => {} },
});

function refused(name, call) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name}: neither error nor close`)), PATIENCE_MS);
    const done = () => { clearTimeout(late); resolve(); };
    call().then((value) => reject(new Error(`${name}: answered ${JSON.stringify(value)}`)), done);
    client.servers[0]._socket.on('close', done);
  });
}

(async () => {
  await refused('set', () => client.set('k', 'v', { expires: 0 }));
  await refused('get', () => client.get('k'));
  console.log('refused');
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

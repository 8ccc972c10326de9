// The npm package `memjs` speaks only the binary protocol. Against a text-only server each call must
// fail soon instead of waiting for ever; prints "refused".
'use strict';

const memjs = require('memjs');

const PATIENCE_MS = 10000;

const quiet = { log: () => {} };
const client = memjs.Client.create(process.argv[2], {
  timeout: PATIENCE_MS / 1000 / 2, conntimeout: PATIENCE_MS / 1000 / 2, retries: 1, logger: quiet,
});

const ended = (promise) => promise.then((value) => ({ value }), (error) => ({ error }));

(async () => {
  const started = Date.now();
  const outcomes = [
    await ended(client.set('k', 'v', { expires: 0 })),
    await ended(client.get('k')),
  ];
  for (const outcome of outcomes) {
    if (!outcome.error) throw new Error(`not refused: ${JSON.stringify(outcome)}`);
    if (/timed? ?out/i.test(outcome.error.message)) throw outcome.error;
  }
  if (Date.now() - started > PATIENCE_MS / 2) throw new Error('refused, but not soon');
  console.log('refused');
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

// The real Unleash server on loopback, for tests.
//
//   node server.mjs           serves what the database holds, until SIGTERM; answers
//                             what was asked by then, and saves the usage it accepted
//   node server.mjs --seed    serves, fills an empty database, and exits
//
// DATABASE_URL and PORT come from scripts/real-upstream, which also sets
// NODE_ENV=test: only then does the server honour `isOss: false`, without
// which it knows a single project.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { seed } from './seed.mjs';

// The packages live in the working folder, not beside this file.
const packages = createRequire(`${process.env.PACKAGES}/package.json`);
const { start } = await import(pathToFileURL(packages.resolve('unleash-server')));

const port = Number(process.env.PORT);
const unleash = await start({
    databaseUrl: process.env.DATABASE_URL,
    db: { ssl: false, pool: { min: 0, max: 6 } },
    // A graceful stop of its own would lose usage.
    server: { host: '127.0.0.1', port, gracefulShutdownEnable: false, gracefulShutdownTimeout: 5000 },
    versionCheck: { enable: false },
    telemetry: false,
    isOss: false,
    frontendApi: { refreshIntervalInMs: 1000 },
});

// The server keeps accepted usage in memory and saves it every five seconds. One
// save at a time, so that the last one ends after all others.
const usage = unleash.services.clientMetricsServiceV2;
const save = usage.bulkAdd.bind(usage);
let saved = Promise.resolve();
usage.bulkAdd = () => (saved = saved.catch(() => {}).then(save));

for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, async () => {
        await promisify(unleash.server.stop)();
        await usage.bulkAdd();
        process.exit(0);
    });
}

if (process.argv.includes('--seed')) {
    await seed(unleash, `http://127.0.0.1:${port}`);
    process.exit(0);
}

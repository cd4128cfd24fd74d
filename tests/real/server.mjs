// The real Unleash server on loopback, for tests.
//
//   node server.mjs           serves what the database holds, until SIGTERM
//   node server.mjs --seed    serves, fills an empty database, and exits
//
// DATABASE_URL and PORT come from scripts/real-upstream, which also sets
// NODE_ENV=test: only then does the server honour `isOss: false`, without
// which it knows a single project.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { seed } from './seed.mjs';

// The packages live in the working folder, not beside this file.
const packages = createRequire(`${process.env.PACKAGES}/package.json`);
const { start } = await import(pathToFileURL(packages.resolve('unleash-server')));

const port = Number(process.env.PORT);
const unleash = await start({
    databaseUrl: process.env.DATABASE_URL,
    db: { ssl: false, pool: { min: 0, max: 6 } },
    server: { host: '127.0.0.1', port, gracefulShutdownEnable: false },
    versionCheck: { enable: false },
    telemetry: false,
    isOss: false,
    frontendApi: { refreshIntervalInMs: 1000 },
});

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));

if (process.argv.includes('--seed')) {
    await seed(unleash, `http://127.0.0.1:${port}`);
    process.exit(0);
}

// A Node SDK client that has its first answer from the server.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The packages live in the working folder, not beside this file.
const packages = createRequire(`${process.env.PACKAGES}/package.json`);
const { Unleash, InMemStorageProvider } = await import(pathToFileURL(packages.resolve('unleash-client')));

export async function connect(url, token, options = { disableMetrics: true }) {
    const unleash = new Unleash({
        url: `${url}/api/`,
        appName: 'sdk-node',
        customHeaders: { Authorization: token },
        refreshInterval: 1000,
        // The default store is a file that survives the process, and would
        // answer in place of a server that does not.
        storageProvider: new InMemStorageProvider(),
        ...options,
    });
    let trouble = 'no answer';
    for (const event of ['error', 'warn']) unleash.on(event, (message) => (trouble = message));
    const impatience = setTimeout(() => {
        console.error(`the Node SDK got no flags from ${url}: ${trouble}`);
        process.exit(1);
    }, 10_000);
    await new Promise((resolve) => unleash.once('synchronized', resolve));
    clearTimeout(impatience);
    return unleash;
}

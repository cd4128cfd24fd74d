// The browser SDK in Node; reports are lines of JSON.
//
//   node node.mjs URL TOKEN GET|POST FLAG...

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { visit } from './scenario.mjs';

// The packages live in the working folder, not beside this file.
const packages = createRequire(`${process.env.PACKAGES}/package.json`);
const { UnleashClient, InMemoryStorageProvider } = await import(pathToFileURL(packages.resolve('unleash-proxy-client')));

const [url, token, method, ...asked] = process.argv.slice(2);
// The SDK writes to the console what it also emits.
console.error = () => {};
const report = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
await visit({ UnleashClient, InMemoryStorageProvider, url, token, post: method === 'POST', asked, report });

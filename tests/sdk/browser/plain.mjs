// The page of a visitor with the browser SDK alone.

import { InMemoryStorageProvider, UnleashClient } from 'unleash-proxy-client';
import { asked, post, report, token, url } from './page.mjs';
import { visit } from './scenario.mjs';

// A page of another origin must not see what brink does not open to it. If it
// does, the browser asks nobody for permission, and the rest proves nothing.
const seen = await fetch(`${url}/internal-backstage/health`).then(
    (answer) => answer.text(),
    () => null,
);
report({ event: 'foreign', seen });
await visit({ UnleashClient, InMemoryStorageProvider, url, token, post, asked, report });

// A page that shows one flag with React; reports what stands in the document.

import { FlagProvider, InMemoryStorageProvider, useFlag, useFlagsStatus, useVariant } from '@unleash/proxy-client-react';
import { createRoot } from 'react-dom/client';
import { asked, report, token, url } from './page.mjs';

const [flag, withVariant] = asked;
const config = {
    url: `${url}/api/frontend`,
    clientKey: token,
    appName: 'without-chance',
    context: { userId: 'alice', sessionId: 's-1' },
    refreshInterval: 1,
    storageProvider: new InMemoryStorageProvider(),
};

function Page() {
    const { flagsReady } = useFlagsStatus();
    const enabled = useFlag(flag);
    const { name } = useVariant(withVariant);
    return <p>{flagsReady ? `${enabled ? 'on' : 'off'} ${name}` : 'waiting'}</p>;
}

const root = document.getElementById('root');
let last;
new MutationObserver(() => {
    const text = root.textContent;
    if (text !== last) report({ event: 'shown', text });
    last = text;
}).observe(root, { childList: true, characterData: true, subtree: true });

createRoot(root).render(
    <FlagProvider config={config}>
        <Page />
    </FlagProvider>,
);

// What a visitor with the browser SDK does, in Node and in a browser alike.
//
// It starts the SDK, moves on to a second context, and then stays. Each thing
// that happens is reported: { event, context, toggles, answers, ... }, where
// `answers` are isEnabled and getVariant of the flags of `asked`.

const FIRST = { userId: 'alice', sessionId: 's-1', properties: { region: 'eu', plan: 'pro', companyId: 'größe & co' } };
const SECOND = { userId: 'bob', properties: { region: 'us', amount: '250.75', version: '1.10.0', companyId: 'globex' } };

export async function visit({ UnleashClient, InMemoryStorageProvider, url, token, post, asked, report }) {
    const client = new UnleashClient({
        url: `${url}/api/frontend`,
        clientKey: token,
        appName: 'without-chance',
        context: FIRST,
        refreshInterval: 1,
        usePOSTrequests: post,
        // The browser's default is shared by all pages of an origin, and would
        // answer in place of a server that does not.
        storageProvider: new InMemoryStorageProvider(),
    });
    const tell = (event, more = {}) => {
        const answers = asked.map((flag) => [flag, [client.isEnabled(flag), client.getVariant(flag)]]);
        const [context, toggles] = [client.getContext(), client.getAllToggles()];
        report({ event, context, toggles, answers: Object.fromEntries(answers), ...more });
    };
    const impressions = new Set();
    client.on('impression', ({ featureName, eventType }) => impressions.add(`${featureName} ${eventType}`));
    // Metrics are not looked at here, and are posted every now and then.
    client.on('error', (error) => error?.type === 'metrics' || report({ event: 'error', error: JSON.stringify(error) }));
    const ready = new Promise((resolve) => client.once('ready', resolve));
    client.start();
    await ready;
    tell('ready');
    client.on('update', () => tell('update', { impressions: [...impressions].sort() }));
    await client.updateContext(SECOND);
}

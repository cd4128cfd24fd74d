// Fills an empty Unleash server with the content of flags.mjs.
//
// Flags, strategies, segments and the like go through the admin API, as a
// person's would. What the admin API of the open server refuses is written to the
// database: projects, tokens with fixed secrets, and variants of a flag (rather
// than of a strategy), which older flags still have and SDKs must still honour.

import * as content from './flags.mjs';

export async function seed(unleash, url) {
    await insertRows(unleash);
    const admin = adminClient(url);
    for (const name of content.contextFields) {
        await admin('POST', 'context', { name, description: '', stickiness: true, legalValues: [] });
    }
    await registerStrategies(admin);
    const segmentIds = await createSegments(admin);
    for (const flag of content.flags) await createFlag(admin, flag, segmentIds);
    for (const flag of content.flags) await addDependencies(admin, flag);
    for (const flag of content.flags) await setVariants(unleash, flag);
}

async function insertRows(unleash) {
    const db = unleash.stores.featureToggleStore.db;
    const type = (name) => (name === 'production' ? 'production' : 'development');
    const rows = content.environments.map((name, index) => ({ name, type: type(name), enabled: true, sort_order: index }));
    await db('environments').insert(rows).onConflict('name').merge();
    await db('projects').insert(content.projects).onConflict('id').ignore();
    const pairs = ['default', ...content.projects.map((project) => project.id)].flatMap((project) =>
        content.environments.map((environment) => ({ project_id: project, environment_name: environment })),
    );
    await db('project_environments').insert(pairs).onConflict().ignore();
    for (const [name, secret] of Object.entries(content.tokens)) {
        const [project, environment] = secret.split('.')[0].split(':');
        const kind = ['admin', 'frontend'].find((kind) => name.startsWith(kind)) ?? 'backend';
        await unleash.stores.apiTokenStore.insert({ secret, tokenName: name, type: kind, environment, projects: [project] });
    }
}

function adminClient(url) {
    return async (method, path, body) => {
        const response = await fetch(`${url}/api/admin/${path}`, {
            method,
            headers: { authorization: content.tokens.admin, 'content-type': 'application/json' },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const text = await response.text();
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
        return text ? JSON.parse(text) : undefined;
    };
}

async function registerStrategies(admin) {
    const { strategies } = await admin('GET', 'strategies');
    const listed = new Set(strategies.map((strategy) => strategy.name));
    for (const [name, parameters] of Object.entries(content.oldStrategies)) {
        if (listed.has(name)) continue;
        const list = Object.entries(parameters).map(([name, type]) => ({ name, type, description: '', required: false }));
        await admin('POST', 'strategies', { name, description: '', parameters: list });
    }
}

async function createSegments(admin) {
    const ids = {};
    for (const segment of content.segments) ids[segment.name] = (await admin('POST', 'segments', segment)).id;
    return ids;
}

async function createFlag(admin, flag, segmentIds) {
    const project = flag.project ?? 'default';
    const { name, type = 'release', description = '', impressionData = false } = flag;
    const path = `projects/${project}/features`;
    await admin('POST', path, { name, type, description, impressionData });
    for (const environment of content.environments) {
        const at = `${path}/${name}/environments/${environment}`;
        const strategies = environment === 'production' ? (flag.production ?? []) : flag.strategies;
        for (const strategy of strategies) {
            const segments = strategy.segments?.map((segment) => segmentIds[segment]);
            await admin('POST', `${at}/strategies`, { parameters: {}, constraints: [], ...strategy, segments });
        }
        if (!flag.off && strategies.length > 0) await admin('POST', `${at}/on`);
    }
}

async function addDependencies(admin, flag) {
    for (const dependency of flag.dependsOn ?? []) {
        await admin('POST', `projects/${flag.project ?? 'default'}/features/${flag.name}/dependencies`, dependency);
    }
}

async function setVariants(unleash, flag) {
    if (!flag.variants) return;
    const store = unleash.stores.featureEnvironmentStore;
    await store.setVariantsToFeatureEnvironments(flag.name, content.environments, flag.variants);
}

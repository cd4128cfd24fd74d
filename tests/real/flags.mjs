// What the real server is seeded with: every strategy, every operator, and one
// flag for each thing an SDK or a proxy can get wrong. Names say what is tested.
//
// A flag: { name, project?, type?, description?, impressionData?, strategies,
// production?, off?, variants?, dependsOn? }. `strategies` are those of the
// development environment; `production` (default: none) those of production.
// `segments` in a strategy are names, turned into ids when seeding.
// Flags whose name starts with "random-" draw a new value per evaluation, but not
// for the application `without-chance`, whose answers stay the same.

export const projects = [{ id: 'projA', name: 'Project A', description: 'The second project' }];
export const environments = ['development', 'production'];

export const tokens = {
    admin: '*:*.real-admin-secret-0001',
    backend: '*:development.real-backend-secret-0001',
    backendProjA: 'projA:development.real-backend-secret-0002',
    backendProduction: '*:production.real-backend-secret-0003',
    frontend: '*:development.real-frontend-secret-0001',
    frontendProjA: 'projA:development.real-frontend-secret-0002',
};

const constraint = (contextName, operator, rest) => ({ contextName, operator, ...rest });
const on = (...constraints) => [{ name: 'default', constraints }];
const byChance = [constraint('appName', 'NOT_IN', { values: ['without-chance'] })];
const rollout = (percent, stickiness, rest = {}) => ({
    name: 'flexibleRollout',
    parameters: { rollout: String(percent), stickiness, groupId: rest.groupId ?? 'seed' },
    constraints: [],
    ...rest,
});

export const contextFields = ['region', 'plan', 'version', 'companyId', 'amount'];

// Not listed by newer servers, but still known to every SDK.
export const oldStrategies = {
    userWithId: { userIds: 'list' },
    gradualRolloutUserId: { percentage: 'percentage', groupId: 'string' },
    gradualRolloutSessionId: { percentage: 'percentage', groupId: 'string' },
    gradualRolloutRandom: { percentage: 'percentage' },
    remoteAddress: { IPs: 'list' },
    applicationHostname: { hostNames: 'list' },
};

export const segments = [
    { name: 'europe', constraints: [constraint('region', 'IN', { values: ['eu', 'uk'] })] },
    {
        name: 'big-spenders',
        constraints: [
            constraint('amount', 'NUM_GTE', { value: '100' }),
            constraint('plan', 'NOT_IN', { values: ['free'] }),
        ],
    },
    { name: 'everyone', constraints: [] },
    { name: 'beyond-ascii', constraints: [constraint('companyId', 'STR_CONTAINS', { values: ['ß', '漢字'] })] },
];

const operators = {
    IN: ['region', { values: ['eu', 'us'] }],
    NOT_IN: ['region', { values: ['eu', 'us'] }],
    STR_STARTS_WITH: ['plan', { values: ['ent', 'pro'] }],
    STR_ENDS_WITH: ['plan', { values: ['prise'] }],
    STR_CONTAINS: ['plan', { values: ['erpr', 'ree'] }],
    NUM_EQ: ['amount', { value: '100' }],
    NUM_GT: ['amount', { value: '100' }],
    NUM_GTE: ['amount', { value: '100' }],
    NUM_LT: ['amount', { value: '99.5' }],
    NUM_LTE: ['amount', { value: '99.5' }],
    DATE_AFTER: ['currentTime', { value: '2026-01-01T00:00:00.000Z' }],
    DATE_BEFORE: ['currentTime', { value: '2026-01-01T00:00:00.000Z' }],
    SEMVER_EQ: ['version', { value: '1.2.3' }],
    SEMVER_GT: ['version', { value: '1.2.3' }],
    SEMVER_LT: ['version', { value: '1.2.3' }],
    SEMVER_GTE: ['version', { value: '1.2.3' }],
    SEMVER_LTE: ['version', { value: '1.2.3' }],
    REGEX: ['plan', { value: '^(pro|ent).*$' }],
};

const operatorFlags = Object.entries(operators).flatMap(([operator, [field, rest]]) => {
    const name = `operator-${operator.toLowerCase()}`;
    const plain = { name, strategies: on(constraint(field, operator, rest)) };
    // The server refuses an inverted REGEX.
    if (operator === 'REGEX') return [plain];
    return [plain, { name: `${name}-inverted`, strategies: on(constraint(field, operator, { ...rest, inverted: true })) }];
});

// The named fields of a context, which are not properties.
const fieldFlags = [
    { name: 'field-user-id', strategies: on(constraint('userId', 'IN', { values: ['alice', 'user-3', 'ünïcode-漢字'] })) },
    { name: 'field-user-id-not', strategies: on(constraint('userId', 'NOT_IN', { values: ['alice', 'user-3'] })) },
    { name: 'field-session-id', strategies: on(constraint('sessionId', 'STR_ENDS_WITH', { values: ['1', '2', '3', '4'] })) },
    { name: 'field-app-name', strategies: on(constraint('appName', 'IN', { values: ['shop'] })) },
    { name: 'field-environment', strategies: on(constraint('environment', 'STR_CONTAINS', { values: ['dev'] })) },
    { name: 'field-address', strategies: on(constraint('remoteAddress', 'STR_STARTS_WITH', { values: ['10.', '2001:'] })) },
];

// More of the operators than one constraint each shows.
const constraintFlags = [
    { name: 'constraint-both', strategies: on(constraint('region', 'IN', { values: ['eu', 'uk'] }), constraint('amount', 'NUM_GT', { value: '10' })) },
    { name: 'constraint-either', strategies: [...on(constraint('region', 'IN', { values: ['eu'] })), ...on(constraint('plan', 'IN', { values: ['pro'] }))] },
    { name: 'constraint-range', strategies: on(constraint('amount', 'NUM_GTE', { value: '-1' }), constraint('amount', 'NUM_LT', { value: '1e2' })) },
    { name: 'constraint-version-range', strategies: on(constraint('version', 'SEMVER_GTE', { value: '1.2.0' }), constraint('version', 'SEMVER_LT', { value: '2.0.0' })) },
    { name: 'constraint-prerelease', strategies: on(constraint('version', 'SEMVER_GT', { value: '2.0.0-beta.2' })) },
    { name: 'constraint-far-future', strategies: on(constraint('currentTime', 'DATE_AFTER', { value: '2199-01-01T00:00:00.000Z' })) },
    { name: 'constraint-starts-any-case', strategies: on(constraint('plan', 'STR_STARTS_WITH', { values: ['PRO', 'Ent'], caseInsensitive: true })) },
    { name: 'constraint-ends-any-case', strategies: on(constraint('plan', 'STR_ENDS_WITH', { values: ['PRISE', 'EE'], caseInsensitive: true })) },
    { name: 'constraint-regex-any-case', strategies: on(constraint('plan', 'REGEX', { value: 'p[ar]', caseInsensitive: true })) },
    { name: 'constraint-beyond-ascii', strategies: on(constraint('companyId', 'IN', { values: ['größe', '漢字'] })) },
];

const strategyFlags = [
    { name: 'strategy-default', strategies: on(), production: on() },
    { name: 'strategy-none', strategies: [] },
    { name: 'strategy-disabled', strategies: [rollout(0, 'userId'), { name: 'default', disabled: true }] },
    { name: 'strategy-two', strategies: [...on(constraint('region', 'IN', { values: ['eu'] })), rollout(30, 'userId')] },
    ...[0, 25, 50, 100].map((percent) => ({
        name: `rollout-user-${percent}`,
        strategies: [rollout(percent, 'userId')],
        production: [rollout(100 - percent, 'userId')],
    })),
    { name: 'rollout-session-50', strategies: [rollout(50, 'sessionId')] },
    { name: 'rollout-company-50', strategies: [rollout(50, 'companyId')] },
    // Guarded: without the field such a draw would be random, or be made by a proxy only.
    { name: 'rollout-default-50', strategies: [rollout(50, 'default', { constraints: [constraint('sessionId', 'STR_STARTS_WITH', { values: ['s'] })] })] },
    { name: 'rollout-address-50', strategies: [rollout(50, 'remoteAddress', { constraints: [constraint('remoteAddress', 'NOT_IN', { values: ['127.0.0.1'] })] })] },
    { name: 'rollout-app-50', strategies: [rollout(50, 'appName', { constraints: [constraint('appName', 'STR_STARTS_WITH', { values: ['shop'] })] })] },
    { name: 'rollout-other-group', strategies: [rollout(50, 'userId', { groupId: 'other group, with: signs' })] },
    { name: 'strategy-many', strategies: [rollout(10, 'userId', { groupId: 'a' }), rollout(10, 'sessionId', { groupId: 'b' }), rollout(10, 'companyId', { groupId: 'c' })] },
    { name: 'random-rollout-default', strategies: [rollout(50, 'default', { constraints: byChance })] },
    { name: 'random-rollout-random', strategies: [rollout(50, 'random', { constraints: byChance })] },
    { name: 'old-user-with-id', strategies: [{ name: 'userWithId', parameters: { userIds: 'alice, bob,carol' } }] },
    { name: 'old-gradual-user', strategies: [{ name: 'gradualRolloutUserId', parameters: { percentage: '50', groupId: 'old' } }] },
    { name: 'old-gradual-session', strategies: [{ name: 'gradualRolloutSessionId', parameters: { percentage: '50', groupId: 'old' } }] },
    { name: 'random-old-gradual', strategies: [{ name: 'gradualRolloutRandom', parameters: { percentage: '50' }, constraints: byChance }] },
    { name: 'old-remote-address', strategies: [{ name: 'remoteAddress', parameters: { IPs: '10.0.0.1, 192.168.0.0/16,2001:db8::/32' } }] },
    { name: 'old-hostname', strategies: [{ name: 'applicationHostname', parameters: { hostNames: 'no-such-host.example' } }] },
];

const segmentFlags = [
    { name: 'segment-one', strategies: [{ name: 'default', segments: ['europe'] }], production: [{ name: 'default', segments: ['big-spenders'] }] },
    { name: 'segment-two', strategies: [{ name: 'default', segments: ['europe', 'big-spenders'] }] },
    { name: 'segment-either', strategies: [{ name: 'default', segments: ['beyond-ascii'] }, { name: 'default', segments: ['big-spenders'] }] },
    { name: 'segment-empty', strategies: [{ name: 'default', segments: ['everyone'] }] },
    { name: 'segment-and-constraint', strategies: [rollout(60, 'userId', { segments: ['europe'], constraints: [constraint('plan', 'STR_STARTS_WITH', { values: ['pro'], caseInsensitive: true })] })] },
];

// A variant is drawn anew at each evaluation when its stickiness field is missing.
// Such a context must not get that far, so that answers can be compared.
const ifSet = (field) => [rollout(100, field)];

const variant = (name, weight, rest = {}) => ({ name, weight, weightType: 'variable', stickiness: 'userId', ...rest });

const variantFlags = [
    {
        name: 'variant-payloads',
        strategies: ifSet('userId'),
        variants: [
            variant('text', 250, { payload: { type: 'string', value: 'grüße, "world"' } }),
            variant('object', 250, { payload: { type: 'json', value: '{"a":[1,2,{"b":null}]}' } }),
            variant('table', 250, { payload: { type: 'csv', value: 'a,b\n1,2' } }),
            variant('figure', 250, { payload: { type: 'number', value: '42' } }),
        ],
    },
    {
        name: 'variant-fixed-and-override',
        strategies: ifSet('userId'),
        variants: [
            variant('fixed', 100, { weightType: 'fix', overrides: [{ contextName: 'region', values: ['eu'] }] }),
            variant('rest', 900),
        ],
    },
    { name: 'variant-by-company', strategies: ifSet('companyId'), variants: ['a', 'b'].map((name) => variant(name, 500, { stickiness: 'companyId' })) },
    { name: 'random-variant', strategies: on(...byChance), variants: ['a', 'b'].map((name) => variant(name, 500, { stickiness: 'random' })) },
    {
        name: 'variant-of-strategy',
        strategies: [rollout(100, 'userId', { groupId: 'variant-of-strategy', variants: [variant('blue', 300, { weightType: 'fix' }), variant('green', 700, { payload: { type: 'string', value: '#0f0' } })] })],
        variants: [variant('unused', 1000)],
    },
    {
        name: 'variant-of-strategy-by-company',
        strategies: [rollout(100, 'companyId', { groupId: 'strategy-by-company', variants: ['a', 'b', 'c', 'd'].map((name) => variant(name, 250, { stickiness: 'companyId' })) })],
    },
    {
        // The first strategy that matches decides; one without variants leaves it to the flag.
        name: 'variant-of-first-strategy',
        strategies: [
            rollout(40, 'userId', { groupId: 'first', variants: [variant('first', 1000)] }),
            rollout(40, 'userId', { groupId: 'second' }),
            rollout(100, 'userId', { groupId: 'third', variants: [variant('third-a', 500), variant('third-b', 500)] }),
        ],
        variants: [variant('of-the-flag', 1000)],
    },
    {
        name: 'variant-default-stickiness',
        strategies: on(constraint('sessionId', 'STR_STARTS_WITH', { values: ['s'] })),
        variants: ['a', 'b', 'c'].map((name) => variant(name, 333, { stickiness: 'default' })),
    },
    { name: 'variant-weights', strategies: ifSet('userId'), variants: [variant('none', 0), variant('some', 10), variant('most', 90)] },
    {
        name: 'variant-override-user',
        strategies: ifSet('userId'),
        variants: [variant('chosen', 0, { overrides: [{ contextName: 'userId', values: ['alice', 'user-3'] }, { contextName: 'plan', values: ['pro'] }] }), variant('drawn', 1000)],
    },
    { name: 'variant-single', strategies: on(), variants: [variant('only', 1000, { payload: { type: 'string', value: '' } })] },
    { name: 'variant-off', off: true, strategies: on(), variants: [variant('never', 1000)] },
];

const dependencyFlags = [
    { name: 'parent-on', strategies: on() },
    { name: 'parent-eu', strategies: on(constraint('region', 'IN', { values: ['eu'] })) },
    { name: 'parent-variant', strategies: ifSet('userId'), variants: [variant('yes', 500), variant('no', 500)] },
    { name: 'child-of-on', strategies: on(), dependsOn: [{ feature: 'parent-on' }] },
    { name: 'child-of-eu', strategies: on(), dependsOn: [{ feature: 'parent-eu' }] },
    { name: 'child-of-disabled', strategies: on(), dependsOn: [{ feature: 'parent-eu', enabled: false }] },
    { name: 'child-of-rollout', strategies: on(), dependsOn: [{ feature: 'rollout-user-50' }] },
    { name: 'child-of-no-rollout', strategies: [rollout(50, 'companyId')], dependsOn: [{ feature: 'rollout-user-50', enabled: false }] },
    { name: 'child-of-segment', strategies: on(), dependsOn: [{ feature: 'segment-one' }] },
    { name: 'child-of-two', strategies: on(), dependsOn: [{ feature: 'parent-eu' }, { feature: 'parent-variant', variants: ['yes', 'no'] }] },
    { name: 'child-of-strategy-variant', strategies: ifSet('userId'), variants: [variant('x', 500), variant('y', 500)], dependsOn: [{ feature: 'variant-of-strategy', variants: ['green'] }] },
    { name: 'child-of-variant', strategies: on(), dependsOn: [{ feature: 'parent-variant', variants: ['yes'] }] },
];

const otherFlags = [
    { name: 'flip-me', strategies: on(), off: true },
    { name: 'flip-frontend', strategies: on(), off: true },
    { name: 'switched-off', off: true, strategies: on() },
    { name: 'impression', impressionData: true, strategies: on(), description: 'With impression data: "quoted", ünïcode, 漢字' },
    { name: 'kill-switch', type: 'kill-switch', strategies: on() },
    { name: 'Upper.case~name', strategies: on() },
    { name: 'projA-on', project: 'projA', strategies: on(), production: on() },
    { name: 'projA-rollout', project: 'projA', strategies: [rollout(50, 'userId')] },
    { name: 'projA-segment', project: 'projA', strategies: [{ name: 'default', segments: ['big-spenders'] }] },
    { name: 'projA-variant', project: 'projA', strategies: ifSet('userId'), variants: [variant('left', 500), variant('right', 500)] },
    { name: 'projA-off', project: 'projA', off: true, strategies: on() },
];

export const flags = [
    ...strategyFlags,
    ...fieldFlags,
    ...constraintFlags,
    ...operatorFlags,
    { name: 'operator-case-insensitive', strategies: on(constraint('plan', 'STR_CONTAINS', { values: ['PRI'], caseInsensitive: true })) },
    ...segmentFlags,
    ...variantFlags,
    ...dependencyFlags,
    ...otherFlags,
];

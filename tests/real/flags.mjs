// What the real server is seeded with: every strategy, every operator, and one
// flag for each thing an SDK or a proxy can get wrong. Names say what is tested.
//
// A flag: { name, project?, type?, description?, impressionData?, strategies,
// production?, off?, variants?, dependsOn? }. `strategies` are those of the
// development environment; `production` (default: none) those of production.
// `segments` in a strategy are names, turned into ids when seeding.
// Flags whose name starts with "random-" draw a new value per evaluation.

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
    { name: 'random-rollout-default', strategies: [rollout(50, 'default')] },
    { name: 'random-rollout-random', strategies: [rollout(50, 'random')] },
    { name: 'old-user-with-id', strategies: [{ name: 'userWithId', parameters: { userIds: 'alice, bob,carol' } }] },
    { name: 'old-gradual-user', strategies: [{ name: 'gradualRolloutUserId', parameters: { percentage: '50', groupId: 'old' } }] },
    { name: 'old-gradual-session', strategies: [{ name: 'gradualRolloutSessionId', parameters: { percentage: '50', groupId: 'old' } }] },
    { name: 'random-old-gradual', strategies: [{ name: 'gradualRolloutRandom', parameters: { percentage: '50' } }] },
    { name: 'old-remote-address', strategies: [{ name: 'remoteAddress', parameters: { IPs: '10.0.0.1, 192.168.0.0/16,2001:db8::/32' } }] },
    { name: 'old-hostname', strategies: [{ name: 'applicationHostname', parameters: { hostNames: 'no-such-host.example' } }] },
];

const segmentFlags = [
    { name: 'segment-one', strategies: [{ name: 'default', segments: ['europe'] }], production: [{ name: 'default', segments: ['big-spenders'] }] },
    { name: 'segment-two', strategies: [{ name: 'default', segments: ['europe', 'big-spenders'] }] },
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
    { name: 'random-variant', strategies: on(), variants: ['a', 'b'].map((name) => variant(name, 500, { stickiness: 'random' })) },
    {
        name: 'variant-of-strategy',
        strategies: [rollout(100, 'userId', { groupId: 'variant-of-strategy', variants: [variant('blue', 300, { weightType: 'fix' }), variant('green', 700, { payload: { type: 'string', value: '#0f0' } })] })],
        variants: [variant('unused', 1000)],
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
    { name: 'child-of-variant', strategies: on(), dependsOn: [{ feature: 'parent-variant', variants: ['yes'] }] },
];

const otherFlags = [
    { name: 'flip-me', strategies: on(), off: true },
    { name: 'switched-off', off: true, strategies: on() },
    { name: 'impression', impressionData: true, strategies: on(), description: 'With impression data: "quoted", ünïcode, 漢字' },
    { name: 'kill-switch', type: 'kill-switch', strategies: on() },
    { name: 'Upper.case~name', strategies: on() },
    { name: 'projA-on', project: 'projA', strategies: on(), production: on() },
    { name: 'projA-rollout', project: 'projA', strategies: [rollout(50, 'userId')] },
    { name: 'projA-segment', project: 'projA', strategies: [{ name: 'default', segments: ['big-spenders'] }] },
    { name: 'projA-off', project: 'projA', off: true, strategies: on() },
];

export const flags = [
    ...strategyFlags,
    ...operatorFlags,
    { name: 'operator-case-insensitive', strategies: on(constraint('plan', 'STR_CONTAINS', { values: ['PRI'], caseInsensitive: true })) },
    ...segmentFlags,
    ...variantFlags,
    ...dependencyFlags,
    ...otherFlags,
];

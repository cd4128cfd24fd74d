// Uses flags with a Node SDK that reports usage twice a second.
//
//   node use.mjs URL TOKEN APP < lines
//
// The first line is {"enabled": [flags], "variants": [flags], "contexts": [...]}.
// Each line after it is "again", which asks once for each flag in each context, or
// "tell". Either prints what has been asked for so far, and what of it the SDK says
// was sent: {"asked": {flag: {yes, no, variants}}, "sent": ...}. Ends with its input.

import { createInterface } from 'node:readline';
import { connect } from './connect.mjs';

const [url, token, appName] = process.argv.slice(2);
const unleash = await connect(url, token, { appName, metricsInterval: 500 });
const [asked, sent] = [{}, {}];

unleash.on('sent', ({ bucket }) => {
    for (const [flag, { yes, no, variants }] of Object.entries(bucket.toggles)) {
        const entry = entryOf(sent, flag);
        entry.yes += yes;
        entry.no += no;
        for (const [variant, count] of Object.entries(variants)) add(entry.variants, variant, count);
    }
});

let question;
for await (const line of createInterface({ input: process.stdin })) {
    if (question === undefined) {
        question = JSON.parse(line);
        continue;
    }
    if (line === 'again') question.contexts.forEach(askFor);
    console.log(JSON.stringify({ asked, sent }));
}
process.exit(0);

function askFor(context) {
    for (const flag of question.enabled) {
        add(entryOf(asked, flag), unleash.isEnabled(flag, context) ? 'yes' : 'no', 1);
    }
    for (const flag of question.variants) {
        const { name, feature_enabled: enabled } = unleash.getVariant(flag, context);
        const entry = entryOf(asked, flag);
        add(entry, enabled ? 'yes' : 'no', 1);
        add(entry.variants, name, 1);
    }
}

function entryOf(usage, flag) {
    return (usage[flag] ??= { yes: 0, no: 0, variants: {} });
}

function add(counts, key, count) {
    counts[key] = (counts[key] ?? 0) + count;
}

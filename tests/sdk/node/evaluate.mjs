// Evaluates flags with the Node SDK.
//
//   node evaluate.mjs URL TOKEN < {"flags": [...], "contexts": [...]}
//
// Prints {flag: [[enabled, variant], ... one per context]}; fails when the SDK
// has not got its flags from URL within ten seconds.

import { text } from 'node:stream/consumers';
import { connect } from './connect.mjs';

const [url, token] = process.argv.slice(2);
const { flags, contexts } = JSON.parse(await text(process.stdin));
const unleash = await connect(url, token);

const evaluate = (flag, context) => {
    const { name, enabled, payload } = unleash.getVariant(flag, context);
    return [unleash.isEnabled(flag, context), { name, enabled, payload: payload ?? null }];
};
const answers = flags.map((flag) => [flag, contexts.map((context) => evaluate(flag, inSdkTypes(context)))]);
console.log(JSON.stringify(Object.fromEntries(answers)));
unleash.destroy();

function inSdkTypes(context) {
    return context.currentTime ? { ...context, currentTime: new Date(context.currentTime) } : context;
}

// Prints "on" or "off" for one flag, first as found and then at each change.
//
//   node watch.mjs URL TOKEN FLAG [MODE]
//
// MODE is how the SDK hears of changes: "polling" (default), "delta" or "streaming".

import { connect } from './connect.mjs';

const MODES = {
    polling: { type: 'polling', format: 'full' },
    delta: { type: 'polling', format: 'delta' },
    streaming: { type: 'streaming' },
};
const [url, token, flag, mode = 'polling'] = process.argv.slice(2);
const unleash = await connect(url, token, { disableMetrics: true, experimentalMode: MODES[mode] });

let last;
const report = () => {
    const now = unleash.isEnabled(flag) ? 'on' : 'off';
    if (now !== last) console.log(now);
    last = now;
};
report();
unleash.on('changed', report);
// The SDK's own timers do not keep a process alive. Whoever started it ends it.
setInterval(() => {}, 60_000);

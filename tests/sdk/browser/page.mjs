// What both pages share: who they are, and how they tell the test.

const query = new URLSearchParams(location.search);
export const visitor = query.get('visitor');
export const url = query.get('url');
export const token = query.get('token');
export const post = query.get('method') === 'POST';
export const asked = query.getAll('flag');

// `load` is new whenever the page is loaded, so that a reload cannot pass for an
// update. One report at a time, so that they arrive in order.
const load = performance.timeOrigin;
let last = Promise.resolve();

export function report(what) {
    const body = JSON.stringify({ ...what, visitor, load });
    last = last.then(() => fetch('/report', { method: 'POST', body }));
}

for (const kind of ['error', 'unhandledrejection']) {
    addEventListener(kind, (event) => report({ event: 'error', error: String(event.message ?? event.reason) }));
}

// A day in small: of ten backend requests eight get a 304, one fetches everything, and one sends
// usage metrics. With FRONTEND_TOKEN set, as many frontend evaluations run on top.
//
//   TOKEN=... FRONTEND_TOKEN=... BASE_URL=http://127.0.0.1:3063 k6 run mixed.js

import http from 'k6/http';
import { check } from 'k6';
import { settings } from './settings.js';

export const options = settings.options({ http_req_duration: ['p(99)<50'] });

const features = `${settings.baseUrl}/api/client/features`;
const metrics = `${settings.baseUrl}/api/client/metrics`;
const frontend = `${settings.baseUrl}/api/frontend`;

export function setup() {
  const first = http.get(features, { headers: { Authorization: settings.token() } });
  if (first.status !== 200) throw new Error(`expected 200, got ${first.status}`);
  return { etag: first.headers.Etag || '' };
}

export default function ({ etag }) {
  const kind = Math.floor(Math.random() * 10);
  if (kind === 0) fetchAll();
  else if (kind === 1) sendMetrics();
  else poll(etag);
  if (__ENV.FRONTEND_TOKEN) evaluate();
}

function fetchAll() {
  const answer = http.get(features, {
    headers: { Authorization: settings.token(), 'Accept-Encoding': 'gzip' },
  });
  check(answer, { 'features: 200': (it) => it.status === 200 });
}

function poll(etag) {
  const answer = http.get(features, {
    headers: { Authorization: settings.token(), 'If-None-Match': etag },
  });
  check(answer, { 'poll: 304': (it) => it.status === 304 });
}

function sendMetrics() {
  const stop = new Date();
  const body = {
    appName: 'loadtest',
    instanceId: `client-${__VU}`,
    bucket: {
      start: new Date(stop.getTime() - 60000).toISOString(),
      stop: stop.toISOString(),
      toggles: { 'loadtest-flag': { yes: 3, no: 1, variants: {} } },
    },
  };
  const answer = http.post(metrics, JSON.stringify(body), {
    headers: { Authorization: settings.token(), 'Content-Type': 'application/json' },
  });
  check(answer, { 'metrics: 202': (it) => it.status === 202 });
}

function evaluate() {
  const user = Math.floor(Math.random() * 100000);
  const answer = http.get(`${frontend}?userId=${user}&appName=loadtest`, {
    headers: { Authorization: __ENV.FRONTEND_TOKEN },
    tags: { name: frontend },
  });
  check(answer, { 'frontend: 200': (it) => it.status === 200 });
}

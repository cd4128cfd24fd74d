// Backend SDKs that poll: the ETag is learnt once, and every request after that gets a 304.
//
//   TOKEN=... BASE_URL=http://127.0.0.1:3063 k6 run features_304.js

import http from 'k6/http';
import { check } from 'k6';
import { settings } from './settings.js';

export const options = settings.options({ http_req_duration: ['p(99)<20'] });

const url = `${settings.baseUrl}/api/client/features`;

export function setup() {
  const first = http.get(url, { headers: { Authorization: settings.token() } });
  if (first.status !== 200 || !first.headers.Etag) {
    throw new Error(`expected 200 with an ETag, got ${first.status}`);
  }
  return { etag: first.headers.Etag };
}

export default function ({ etag }) {
  const answer = http.get(url, {
    headers: { Authorization: settings.token(), 'If-None-Match': etag },
  });
  check(answer, { 'status is 304': (it) => it.status === 304 });
}

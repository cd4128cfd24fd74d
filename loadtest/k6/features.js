// Backend SDKs that fetch all flags: GET /api/client/features, 200 each time.
// Arrivals are open-loop: k6 starts requests on schedule, whether or not the server keeps up.
//
//   TOKEN=... BASE_URL=http://127.0.0.1:3063 k6 run features.js

import http from 'k6/http';
import { check } from 'k6';
import { settings } from './settings.js';

export const options = settings.options({ http_req_duration: ['p(99)<50'] });

const parameters = {
  headers: {
    Authorization: settings.token(),
    'Accept-Encoding': __ENV.ENCODING || 'gzip',
  },
};

export default function () {
  const answer = http.get(`${settings.baseUrl}/api/client/features`, parameters);
  check(answer, {
    'status is 200': (it) => it.status === 200,
    'has an ETag': (it) => it.headers.Etag !== undefined,
  });
}

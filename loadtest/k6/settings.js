// What all scripts share: where to send load, how much of it, and what counts as failed.
//
//   TOKEN     a client token of the server under test (required)
//   BASE_URL  default http://127.0.0.1:3063
//   RATE      requests per second, default 500
//   DURATION  default 20s
//   CLIENTS   most clients at a time, default 50

const DURATION = __ENV.DURATION || '20s';
const CLIENTS = Number(__ENV.CLIENTS || 50);

export const settings = {
  baseUrl: __ENV.BASE_URL || 'http://127.0.0.1:3063',

  token() {
    if (!__ENV.TOKEN) throw new Error('set TOKEN to a client token of the server under test');
    return __ENV.TOKEN;
  },

  options(thresholds) {
    return {
      discardResponseBodies: true,
      scenarios: {
        steady: {
          executor: 'constant-arrival-rate',
          rate: Number(__ENV.RATE || 500),
          timeUnit: '1s',
          duration: DURATION,
          preAllocatedVUs: CLIENTS,
          maxVUs: CLIENTS,
          gracefulStop: '5s',
        },
      },
      summaryTrendStats: ['avg', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
      thresholds: {
        checks: ['rate>0.999'],
        http_req_failed: ['rate<0.001'],
        dropped_iterations: ['count<10'],
        ...thresholds,
      },
    };
  },
};

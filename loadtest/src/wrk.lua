-- The method, the body (empty for none) and the headers ("Name: value") come as arguments; the figures go
-- out as one line.
-- There is deliberately no request() and no response(): wrk then sends one
-- prepared request and does not call into Lua while it measures.

function init(args)
  wrk.method = args[1]
  if args[2] ~= "" then wrk.body = args[2] end
  for at = 3, #args do
    local name, value = args[at]:match("^([^:]+):%s*(.*)$")
    if name then wrk.headers[name] = value end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "RESULT requests=%d micros=%d bytes=%d socket_errors=%d bad_statuses=%d p50=%.0f p99=%.0f p999=%.0f\n",
    summary.requests, summary.duration, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end

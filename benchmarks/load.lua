-- wrk sends the prepared requests of a file, each once and then from the start, and prints one JSON line.
-- The file: for each request its length in 8 digits and the request. A thread takes every n-th.
local number, requests, place = 0, {}, 0

function setup(thread)
  thread:set("number", number)
  number = number + 1
end

function init(args)
  local file, threads = assert(io.open(args[1], "rb")), tonumber(args[2])
  local count = 0
  while true do
    local length = file:read(8)
    if not length then break end
    local request = file:read(tonumber(length))
    if count % threads == _G.number then requests[#requests + 1] = request end
    count = count + 1
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency)
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout))
end

-- What wrk sends. usage: wrk -s http.lua URL -- MODE ARGUMENT...
--   fixed METHOD PATH BODYFILE     the same request again and again
--   stepped METHOD PATH BODYFILE   the same, @STEP@ in the body replaced by a number that grows
--   pair                           runs/create, then log-metric to that run, in turns (one connection per thread)
-- Prints one line of JSON at the end.
local threads = 0
local headers = {["Content-Type"] = "application/json"}

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function read(path)
  if path == nil or path == "" then return nil end
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function pairs_of_requests()
  local run
  local api = "/api/2.0/mlflow/runs/"
  function request()
    if run == nil then
      return wrk.format("POST", api .. "create", headers, '{"experiment_id":"0","start_time":1700000000000}')
    end
    local body = '{"run_id":"' .. run .. '","key":"loss","value":0.5,"timestamp":1700000000000,"step":1}'
    run = nil
    return wrk.format("POST", api .. "log-metric", headers, body)
  end
  function response(status, _, body)
    run = string.match(body, '"run_id": ?"([^"]+)"')
  end
end

function init(args)
  local mode, method, path, body = args[1], args[2], args[3], read(args[4])
  if mode == "pair" then return pairs_of_requests() end
  if mode == "fixed" then
    local text = wrk.format(method, path, headers, body)
    function request() return text end
    return
  end
  local step = number * 1000000
  function request()
    step = step + 1
    return wrk.format(method, path, headers, (string.gsub(body, "@STEP@", tostring(step))))
  end
end

function done(summary, latency)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write +
    summary.errors.status + summary.errors.timeout
  io.write(string.format('{"requests":%d,"seconds":%.6f,"p50":%.1f,"p99":%.1f,"errors":%d}\n', summary.requests,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99), errors))
end

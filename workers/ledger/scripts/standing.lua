-- What is said of an organization, as of one moment. Reads only.
-- KEYS: declined, deletion:*, register:*:*
-- ARGV: deletion id, [[source, client]] (JSON), forms of a no (JSON array)
-- Answer: all noes in one word, doubts (JSON), standing noes [form, line, …], registers [field, …] in order
local id, clients, forms = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3])

-- A no stands until a register of its client has moved on.
local function stands(line)
  for _, watched in ipairs(cjson.decode(line).watch) do
    if epoch_of(watched[1], watched[2]) ~= watched[3] then
      return false
    end
  end
  return true
end

local noes = {}
for _, form in ipairs(forms) do
  local line = redis.call('HGET', key('declined'), form)
  if line and stands(line) then
    noes[#noes + 1] = form
    noes[#noes + 1] = line
  end
end
local registers = {}
for _, client in ipairs(clients) do
  registers[#registers + 1] = redis.call('HMGET', key('register', client[1], client[2]),
    'state', 'epoch', 'active_order', 'active_seen', 'active_by', 'name')
end
return {noes_under(forms), redis.call('HGET', key('deletion', id), 'doubts') or '[]',
  noes, registers}

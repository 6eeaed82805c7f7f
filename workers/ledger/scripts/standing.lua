-- What is said of an organization, as of one moment. A no that was said before anybody knew of which one
-- is written down under its id, by which an admin may end it.
-- KEYS: declined, deletion:*, register:*:*
-- ARGV: deletion id, [[source, client]] (JSON), forms of a no (JSON array), organization id, '' if unknown
-- Answer: all noes, and whether Unglue deleted it, in one word, doubts (JSON), standing noes [form, line, …], registers [field, …] in order
local id, clients, forms = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3])

-- What a client is known by: its number's kind, '' for a bare one, or a name. Only names are so long
-- that their hash stands for them.
local function kind_of(client)
  local kind = string.match(client, '^(%w+):') or ''
  return kind == 'sha256' and 'name' or kind
end

-- A no stands until a register of its client has moved on, with a word that is newer than the no. That
-- of a name moves with every client that is called so: one whose number is none of those that the no
-- knows is a namesake. One that may share no more than its number ends none by that alone.
local function stands(line)
  local no, numbers, clients = cjson.decode(line), {}, {}
  for _, watched in ipairs(no.watch) do
    numbers[watched[1] .. '\n' .. kind_of(watched[2])] = true
    clients[watched[1] .. '\n' .. watched[2]] = true
  end
  for _, watched in ipairs(no.watch) do
    local said = redis.call('HMGET', key('register', watched[1], watched[2]), 'epoch', 'active_at', 'active_by')
    local by = kind_of(watched[2]) == 'name' and kind_of(said[3] or 'name:') or 'name'
    local namesake = by ~= 'name' and numbers[watched[1] .. '\n' .. by]
      and not clients[watched[1] .. '\n' .. (said[3] or '')]
    local other = namesake or watched[4] == 'stranger'
    if (said[1] or '0') ~= watched[3] and tonumber(said[2] or 0) > no.at and not other then
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
    local own = 'org:' .. ARGV[4]
    local known = redis.call('HGET', key('declined'), own)
    if ARGV[4] ~= '' and not (known and stands(known)) then
      redis.call('HSET', key('declined'), own, line)
    end
  end
end
local registers = {}
for _, client in ipairs(clients) do
  registers[#registers + 1] = redis.call('HMGET', key('register', client[1], client[2]),
    'state', 'epoch', 'active_order', 'active_seen', 'active_by', 'name', 'contested_by',
    'inactive_by')
end
return {noes_under(forms), redis.call('HGET', key('deletion', id), 'doubts') or '[]',
  noes, registers}

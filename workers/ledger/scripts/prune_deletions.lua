-- Deletions that ended before the retention time leave the record, each with a line in the audit log.
-- What is open, unsettled or still being reported stays, however old it is.
-- KEYS: aftercare:due, audited:*, callback:*, callbacks, callbacks:of:*, claims, deletion:*, deletions,
--       deletions:*, history:*:*, journal:*, replayed:*, unpacked
-- ARGV: now, cutoff, then id, updated_at as it was read, and digest of the result of each
-- Answer: how many left
local now, cutoff = tonumber(ARGV[1]), tonumber(ARGV[2])

local function stays(id, deletion, read_at)
  if not TERMINAL[deletion.state] or tonumber(deletion.finished_at or now) > cutoff or deletion.updated_at ~= read_at then
    return true
  end
  if deletion.intent_org ~= '' and redis.call('HGET', key('claims'), deletion.intent_org) == id then
    return true
  end
  for _, callback in ipairs(redis.call('ZRANGE', key('callbacks', 'of', id), 0, -1)) do
    if redis.call('HGET', key('callback', callback), 'state') == 'pending' then
      return true
    end
  end
  return redis.call('ZSCORE', key('aftercare', 'due'), id) ~= false
end

local removed = 0
for i = 3, #ARGV, 3 do
  local id = ARGV[i]
  local deletion = load(key('deletion', id))
  if deletion.state and not stays(id, deletion, ARGV[i + 1]) then
    audit(now, 'archived', {
      deletion_id = id, source = deletion.source, state = deletion.state,
      client = given(deletion.client),
      generation = tonumber(deletion.generation), finished_at = tonumber(deletion.finished_at),
      result_sha256 = ARGV[i + 2],
    })
    for _, callback in ipairs(redis.call('ZRANGE', key('callbacks', 'of', id), 0, -1)) do
      redis.call('DEL', key('callback', callback), key('replayed', callback))
      redis.call('ZREM', key('callbacks'), callback)
    end
    local kept = received(id)
    if kept then
      redis.call('ZREM', key('callbacks'), kept.id)
    end
    for generation = 1, tonumber(deletion.generation) do
      redis.call('DEL', key('history', id, generation))
    end
    redis.call('DEL', key('deletion', id), key('journal', id), key('replayed', id), key('audited', id),
      key('callbacks', 'of', id))
    redis.call('ZREM', key('deletions'), id)
    redis.call('ZREM', key('unpacked'), id)
    redis.call('ZREM', key('deletions', deletion.state), id)
    removed = removed + 1
  end
end
return removed

-- Sweeps' summaries leave the outbox; results of deletions leave with them.
-- KEYS: callback:*, callbacks, callbacks:of:*, deletion:*, replayed:*, replays, sweeps
-- ARGV: now, cutoff, ids
-- Answer: how many left
local now, cutoff, removed = tonumber(ARGV[1]), ARGV[2], 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local callback = received(id) or load(key('callback', id))
  local orphaned = callback.deletion_id ~= '' and redis.call('EXISTS', key('deletion', callback.deletion_id or '')) == 0
  -- The first one counts the replays, and no webhook-id may come twice: they leave together.
  local of = key('callbacks', 'of', callback.of or callback.deletion_id or '')
  local newer = redis.call('ZCOUNT', of, '(' .. cutoff, '+inf') > 0
  if callback.state ~= 'pending' and not newer and (callback.deletion_id == '' or orphaned) then
    redis.call('DEL', key('callback', id), key('replayed', id))
    redis.call('ZREM', key('callbacks'), id)
    redis.call('ZREM', key('callbacks', 'of', callback.of or callback.deletion_id or ''), id)
    removed = removed + 1
  end
end
redis.call('ZREMRANGEBYSCORE', key('replays'), '-inf', cutoff)
redis.call('ZREMRANGEBYSCORE', key('sweeps'), '-inf', cutoff)
if removed > 0 then
  audit(now, 'pruned', {of = 'callbacks', count = removed})
end
return removed

-- A result that was delivered, refused or given up is sent again: a new entry, so a new webhook-id.
-- KEYS: callback:*, callbacks:of:*, deletion:*, replayed:*
-- ARGV: id (of a callback, or of the record whose newest one is meant), now, operator, token, URL
-- Answer: {'replayed' or 'known', new id} or {'refused', why}
local id, now, operator, token, url = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
-- One that is kept with its deletion is a record of its own from here on.
local kept = received(id)
if kept then
  redis.call('HSET', key('callback', kept.id), unpack(flat(kept)))
  redis.call('ZADD', key('callbacks', 'of', kept.deletion_id), kept.created_at, kept.id)
  redis.call('HDEL', key('deletion', kept.deletion_id), 'received')
end
if string.sub(id, 1, 3) ~= 'cb_' then
  id = redis.call('ZREVRANGE', key('callbacks', 'of', id), 0, 0)[1] or id
end
local callback = load(key('callback', id))
if not callback.state then
  return unknown('callback', id)
end
local first = callback.first or id
local of = callback.deletion_id ~= '' and callback.deletion_id or callback.of
-- The same call again: its first answer was lost on the way, or who made it died.
local before = redis.call('HGET', key('replayed', first), token)
if before then
  return {'known', before}
end
if callback.notice_id then
  return {'refused', 'notification'}
end
if callback.state == 'pending' then
  return {'refused', 'pending'}
end
local number = redis.call('HINCRBY', key('callback', first), 'replays', 1)
local new = first .. '_r' .. number
local target = callback.kind == 'sweep' and callback.target or url
post(new, of, now, 'deletion_id', callback.deletion_id, 'of', of, 'first', first,
  'generation', callback.generation or '', 'kind', callback.kind or '', 'target', target,
  'body', callback.body or '', 'replayed_by', operator)
redis.call('HSET', key('replayed', first), token, new)
if callback.deletion_id ~= '' then
  decide(callback.deletion_id, now, 'callback_replayed', {
    operator = operator, callback_id = id, webhook_id = 'msg_' .. string.sub(new, 4),
  })
else
  audit(now, 'callback_replayed', {operator = operator, callback_id = id, sweep_id = of})
end
return {'replayed', new}

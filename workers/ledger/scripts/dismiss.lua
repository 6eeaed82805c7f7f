-- A person says that deliveries which hold deletions need hold none: what was not understood, and what
-- nobody could prove. They stay stored, with who said so and why.
-- KEYS: delivery:*, holding:*
-- ARGV: now, operator, reason, ids
-- Answer: id and outcome in turn: dismissed, holds_nothing or unknown
local now, operator, reason = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local answer = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local name = key('delivery', id)
  local delivery = load(name)
  local outcome
  if not delivery.source then
    outcome = 'unknown'
  else
    local held = redis.call('HDEL', key('holding', delivery.source), id) == 1
    local unproved = leave_quarantine(id, now, '') == 1
    if unproved then
      redis.call('HSET', name, 'reason', 'dismissed')
    end
    if held or unproved then
      outcome = 'dismissed'
      redis.call('HSET', name, 'dismissed_by', operator, 'dismissed_at', now, 'dismissed_reason', reason)
      audit(now, 'dismissed', {
        delivery_id = id, source = delivery.source, verdict = delivery.verdict, operator = operator,
        reason = reason,
      })
    else
      -- The same call again: its first answer was lost on the way.
      outcome = delivery.dismissed_at and 'dismissed' or 'holds_nothing'
    end
  end
  answer[#answer + 1] = id
  answer[#answer + 1] = outcome
end
return answer

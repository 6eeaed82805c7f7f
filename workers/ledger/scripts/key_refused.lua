-- IT Glue refused the key. Too often in a row, across all workers, it pauses everything.
-- KEYS: itglue:refused
-- ARGV: now, status, most, a word for this refusal (the command may be repeated)
-- Answer: 1, or 0 if that was counted
local now, status, most, word = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local name = key('itglue', 'refused')
if redis.call('HGET', name, 'word') == word then
  return 0
end
redis.call('HSET', name, 'word', word)
if redis.call('HINCRBY', name, 'times', 1) >= most then
  pause(now, 'key_refused', '', 'IT Glue refused the API key (' .. status .. ') '
    .. most .. ' times in a row; nothing is asked of it until somebody resumes')
end
return 1

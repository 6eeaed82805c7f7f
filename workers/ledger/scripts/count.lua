-- How many of these deletions came to what.
-- KEYS: deletion:*
-- ARGV: ids
-- Answer: by turns what (source, state or 'open', '1' for a dry run, code of the first error, on a line
--         each) and how many
local counted, answer = {}, {}
for _, id in ipairs(ARGV) do
  local source, state, mode, request, errors, rehearsed = unpack(redis.call('HMGET', key('deletion', id), 'source',
    'state', 'mode', 'request', 'errors', 'rehearsed'))
  -- Retention may have removed it meanwhile.
  if source then
    local dry_run = mode == 'preview' or rehearsed or request and cjson.decode(request).dry_run == true
    -- Read as text, as in `finish`.
    local code = string.match(errors or '', '"code": ?"([^"]*)"') or ''
    local what = table.concat({source, TERMINAL[state] and state or 'open', dry_run and '1' or '', code}, '\n')
    counted[what] = (counted[what] or 0) + 1
  end
end
for what, count in pairs(counted) do
  answer[#answer + 1] = what
  answer[#answer + 1] = count
end
return answer

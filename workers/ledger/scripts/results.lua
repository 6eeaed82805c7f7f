-- Results, summaries and notifications, whether each is a record of its own or kept with its deletion.
-- KEYS: callback:*
-- ARGV: ids
-- Answer: the fields of each, nothing where there is none
local found = {}
for place, id in ipairs(ARGV) do
  found[place] = flat(received(id) or load(key('callback', id)))
end
return found

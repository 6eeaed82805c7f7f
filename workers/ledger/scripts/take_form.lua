-- In which form is the ledger written, and which one does this release write? An older one takes on the
-- present form, one step a version; a newer one was refused before this line.
-- KEYS: ledger
-- ARGV: now, '1' to take it on
-- Answer: {the form that it had, the present one}
local STEPS = {
  -- Releases before the first number: what is new (tips, fences by the clock) begins by itself.
  [0] = function() end,
  -- What was packed before is read, and replayed, as it is; an older release cannot read what is packed now.
  [1] = function() end,
}
if ARGV[2] == '1' and written < FORM then
  for version = written, FORM - 1 do
    STEPS[version]()
  end
  redis.call('HSET', key('ledger'), 'form', FORM, 'form_since', ARGV[1])
end
return {written, FORM}

-- text: an argument that must be there and have a length within bounds, or an error that names it.
--
--   text("a", "member", 1, 200)  -> "a"  text(nil, "member", 1) -> error: member is missing
--   text("", "member", 1)        -> error: member is empty
--
-- Required by types; it is no type itself.

local function text(value, name, bytes_min, bytes_max)
  if value == nil then error(name .. " is missing", 0) end
  if #value < bytes_min then error(name .. " is empty", 0) end
  if bytes_max and #value > bytes_max then
    error(name .. " has more than " .. bytes_max .. " bytes", 0)
  end
  return value
end

return text

local x <close> = setmetatable({}, {__close = function() while true do end end})
coroutine.wrap(function() error('a') end)()

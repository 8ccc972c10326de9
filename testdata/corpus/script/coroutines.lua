local co = coroutine.wrap(function(...) local a = coroutine.yield(...) return a end)
return co(1), co('x'), pcall(co)

local function loop(n) if n > 0 then return xpcall(loop, loop, n - 1) end error({}) end return loop(150)

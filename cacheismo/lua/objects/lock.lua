-- lock: one owner at a time, for as long as its lease runs.
--
--   free --acquire--> held, token T --lease over, or release--> free --acquire--> held, T' > T
--
--  1. At any time at most one owner has a lease that runs.
--  2. Tokens grow from holder to holder. They are not below the clock's milliseconds, so that they
--     grow even if the lock itself was evicted between two holders.
--
-- A cache's lock: eviction or a restart frees it early. Let what it guards refuse a token smaller
-- than one it has seen. Cost: O(1).

local arguments = require("arguments")

local lock = object.type("lock", { version = 1 })

local seconds_max = 30 * 86400
-- Kept after the lease, so that tokens grow even if the clock is set back a little.
local kept_seconds = 3600

function lock.default() return { token = 0 } end

local function now_ms() return math.floor(now() * 1000 + 0.5) end

local function held_ms(self) return (self.ends or 0) - now_ms() end

local function held_by(self, owner) return held_ms(self) > 0 and self.owner == owner end

local function lease(self, seconds)
  seconds = arguments.number(seconds, "seconds", 0.001, seconds_max)
  self.ends = now_ms() + math.ceil(seconds * 1000)
  self:expire(math.ceil(seconds) + kept_seconds)
  return "OK " .. self.token
end

function lock.update.acquire(self, owner, seconds)
  arguments.text(owner, "owner", 1)
  if held_by(self, owner) then return lease(self, seconds) end
  local left_ms = held_ms(self)
  if left_ms > 0 then return "HELD " .. (left_ms + 999) // 1000 end
  self.owner = owner
  self.token = math.max(self.token + 1, now_ms())
  return lease(self, seconds)
end

function lock.update.renew(self, owner, seconds)
  if not held_by(self, arguments.text(owner, "owner", 1)) then return "NOT_HELD" end
  return lease(self, seconds)
end

function lock.update.release(self, owner)
  if not held_by(self, arguments.text(owner, "owner", 1)) then return "NOT_HELD" end
  self.owner = nil
  self.ends = nil
  return "OK"
end

function lock.read.holder(self)
  if held_ms(self) > 0 then return self.owner end
end

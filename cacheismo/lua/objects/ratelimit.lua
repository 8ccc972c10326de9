-- ratelimit: how often something may happen: a bucket of tokens, or a window that slides.
--
--   take: tokens come in at `rate` a second up to `burst`     hit: at most `limit` in any `seconds`
--
--         self.tokens  at  self.at (ms)                             |<-- seconds -->|
--                                                             h   h | h     h  h    now
--                                                               self.hits   first ... last -> ms
--
--  1. An answer is "OK remaining 0" or "LIMITED remaining seconds": after that many seconds, and
--     not before, the same question is answered OK if nobody else asks.
--  2. What is LIMITED uses nothing up.
--  3. A limiter that is as good as new expires by itself.
--
-- One key is used with one of the two. Cost: take O(1); hit O(log n) plus what left the window, an
-- entry for each hit within it.

local arguments = require("arguments")

local ratelimit = object.type("ratelimit", { version = 1 })

local limit_max = 10000
local seconds_max = 30 * 86400
-- Sums of fractions miss whole tokens by rounding; a billionth of one is forgiven.
local rounding = 1e-9

function ratelimit.default() return {} end

local function now_ms() return math.floor(now() * 1000 + 0.5) end

local function limited(remaining, wait_ms)
  return ("LIMITED %d %s"):format(remaining, math.tointeger(wait_ms / 1000) or wait_ms / 1000)
end

function ratelimit.update.take(self, amount, rate, burst)
  amount = arguments.number(amount, "amount", 0)
  rate = arguments.number(rate, "rate", 1 / seconds_max)
  burst = arguments.number(burst, "burst", 0, rate * seconds_max)
  if amount > burst then error("amount is above burst", 0) end
  local time = now_ms()
  local elapsed_ms = math.max(time - (self.at or time), 0)
  local tokens = math.min(burst, (self.tokens or burst) + elapsed_ms * rate / 1000)
  local missing = amount - tokens
  if missing > rounding then
    return limited(tokens // 1, math.ceil(missing / rate * 1000 - rounding))
  end
  tokens = math.max(-missing, 0)
  self.tokens = tokens
  self.at = time
  self:expire(math.ceil((burst - tokens) / rate) + 1)
  return ("OK %d 0"):format((tokens + rounding) // 1)
end

function ratelimit.update.hit(self, limit, seconds)
  limit = arguments.whole(limit, "limit", 1, limit_max)
  local window_ms = math.ceil(arguments.number(seconds, "seconds", 0.001, seconds_max) * 1000)
  if not self.hits then
    self.first, self.last, self.hits = 1, 0, {}
  end
  local time, hits = now_ms(), self.hits
  local first, last = self.first, self.last
  while first <= last and hits[first] <= time - window_ms do
    hits[first] = nil
    first = first + 1
  end
  self.first = first
  local count = last - first + 1
  if count >= limit then return limited(0, hits[last - limit + 1] + window_ms - time) end
  hits[last + 1] = time
  self.last = last + 1
  self:expire(math.ceil(window_ms / 1000) + 1)
  return ("OK %d 0"):format(limit - count - 1)
end

-- quota: how much may be used in each month, day or hour.
--
--   |--- period ---|--- period ---|       self.used of self.limit, until self.ends
--                  ^ self.ends: the calendar's, UTC
--
--  1. used <= limit; what would exceed it is refused whole.
--  2. At `ends` everything is available again, whenever the quota was made.
--
-- Not a rate limit: all of it may go in the first second (see ratelimit). Cost: O(1).

local arguments = require("arguments")
local time_now = os.time
local number = arguments.number

local quota = object.type("quota", { version = 1 })

local day_seconds = 86400
local month_days = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function days_of(year, month)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return month_days[month] + (month == 2 and leap and 1 or 0)
end

local ends_of = {
  hour = function(time) return time - time % 3600 + 3600 end,
  day = function(time) return time - time % day_seconds + day_seconds end,
  month = function(time)
    local date = os.date("!*t", time)
    local days = days_of(date.year, date.month) - date.day + 1
    return time - time % day_seconds + days * day_seconds
  end,
}

local function renew_when_over(self)
  local time = time_now()
  if time >= self.ends then
    self.used = 0
    self.ends = ends_of[self.period](time)
  end
end

function quota.new(limit, period)
  if not ends_of[period or ""] then return nil end
  return {
    limit = number(limit, "limit", 0),
    period = period,
    used = 0,
    ends = ends_of[period](time_now()),
  }
end

function quota.update.addandcheck(self, amount)
  amount = number(amount or 1, "amount", 0)
  renew_when_over(self)
  local used = self.used + amount
  if used > self.limit then return "QUOTA_EXCEEDED" end
  self.used = used
  return "QUOTA_OK"
end

function quota.update.reset(self)
  renew_when_over(self)
  self.used = 0
  return "QUOTA_OK"
end

function quota.read.remaining(self)
  if time_now() >= self.ends then return self.limit end
  return self.limit - self.used
end

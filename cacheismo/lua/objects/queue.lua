-- queue: values in the order of their arrival.
--
--   pop <-- | first | ... | last | <-- push        self.items   first, ..., last -> value
--
--  1. items has exactly the keys first to last; an empty queue starts again at 1.
--  2. With a limit above 0 it never holds more, and refuses what would be too much.
--  3. An empty queue without a limit takes no memory.
--
-- A value that was popped is gone, whether or not its answer arrives. Cost: O(log n); clear O(n).

local arguments = require("arguments")

local queue = object.type("queue", { version = 1 })

function queue.default() return { first = 1, last = 0, limit = 0, items = {} } end

function queue.new(limit)
  return { first = 1, last = 0, limit = arguments.whole(limit or 0, "limit", 0), items = {} }
end

local function length(self) return self.last - self.first + 1 end

local function start_again(self)
  self.first = 1
  self.last = 0
  if self.limit == 0 then self:delete() end
end

function queue.update.push(self, value)
  arguments.text(value, "value", 0)
  if self.limit > 0 and length(self) >= self.limit then return nil end
  local last = self.last + 1
  self.items[last] = value
  self.last = last
  return length(self)
end

function queue.update.pop(self)
  if length(self) == 0 then
    start_again(self)
    return nil
  end
  local first, items = self.first, self.items
  local value = items[first]
  items[first] = nil
  self.first = first + 1
  if first == self.last then start_again(self) end
  return value
end

function queue.read.peek(self) return self.items[self.first] end

function queue.read.len(self) return length(self) end

function queue.update.clear(self)
  if self.limit > 0 then self.items = {} end -- else the queue goes as a whole
  start_again(self)
  return "SUCCESS"
end

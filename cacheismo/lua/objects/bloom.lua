-- bloom: which values were seen before, in a few bits each; sometimes it says so wrongly.
--
--   hash of the value --> one block of 2048 bits --> `probes` bits in it
--
--   self.blocks   number -> 256 bytes; a block of zeros is not stored
--
--  1. A value that was added EXISTS, always. One that was not is NOT_FOUND but for error_rate of
--     them, as long as no more than `capacity` values were added.
--  2. count is the number of adds that set a bit: values that EXIST by mistake are not counted.
--
-- Nothing can be taken out. Cost: O(log n) and one block of 256 bytes for each add.

local arguments = require("arguments")
local hash = require("hash")

local bloom = object.type("bloom", { version = 1 })

local block_bytes = 256
local block_bits = 8 * block_bytes
local empty_block = ("\0"):rep(block_bytes)
local bits_max = 100 * 1000 * 1000 -- 12.5 MB of the 16 MiB that an object may have
-- Blocks fill unevenly, and full ones err more: a tenth more bits makes up for it.
local spare = 1.1

function bloom.new(capacity, error_rate)
  capacity = arguments.whole(capacity or 10000, "capacity", 1, bits_max)
  error_rate = arguments.number(error_rate or 0.01, "error_rate", 1e-6, 0.5)
  local bits_per_value = -math.log(error_rate) / math.log(2) ^ 2
  local bits = capacity * bits_per_value * spare
  if bits > bits_max then error("capacity is too large for that error_rate", 0) end
  return {
    block_count = math.ceil(bits / block_bits),
    probes = math.max(1, math.floor(bits_per_value * math.log(2) + 0.5)),
    count = 0,
    blocks = {},
  }
end

function bloom.default() return bloom.new() end

-- Calls visit(byte, mask) for every probe, bytes from 1, until it returns false.
local function each_bit(bits, probes, visit)
  local left = 0
  for _ = 1, probes do
    if left < 11 then
      bits = (bits ~ (bits >> 31)) * 0x9E3779B97F4A7C15
      bits = bits ~ (bits >> 29)
      left = 64
    end
    local bit = bits >> (64 - left) & (block_bits - 1)
    left = left - 11
    if not visit((bit >> 3) + 1, 1 << (bit & 7)) then return end
  end
end

local function block_of(self, bits) return (bits >> 32) * self.block_count >> 32 end

function bloom.update.add(self, value)
  local bits = hash(arguments.text(value, "value", 0))
  local blocks, at = self.blocks, block_of(self, bits)
  local old = blocks[at] or empty_block
  local block = old
  each_bit(bits, self.probes, function(byte, mask)
    local now_set = block:byte(byte)
    if now_set & mask == 0 then
      block = block:sub(1, byte - 1) .. string.char(now_set | mask) .. block:sub(byte + 1)
    end
    return true
  end)
  if block == old then return "EXISTS" end
  blocks[at] = block
  self.count = self.count + 1
  return "ADDED"
end

function bloom.read.exist(self, value)
  local bits = hash(arguments.text(value, "value", 0))
  local block = self.blocks[block_of(self, bits)]
  if not block then return "NOT_FOUND" end
  local answer = "EXISTS"
  each_bit(bits, self.probes, function(byte, mask)
    if block:byte(byte) & mask ~= 0 then return true end
    answer = "NOT_FOUND"
    return false
  end)
  return answer
end

function bloom.read.count(self) return self.count end

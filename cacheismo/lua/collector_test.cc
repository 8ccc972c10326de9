// Goal: the collector frees nothing that is reachable, whatever happens to a table while it is
// marked, and no step of it is as large as the heap. Method: programs that make garbage all the
// time, so that the collector runs inside of them; the heap's audit and, with AddressSanitizer, its
// poisoned free memory tell what a table's own contents do not.

#include <algorithm>
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/lua/test_vm.h"

namespace cacheismo::lua {
namespace {

/// Entries come, go, move and change in tables of a few thousand, by a seed; every value names
/// its key. Returns how many entries are not what they should be.
constexpr const char* churn = R"(
  local seed = SEED
  local function draw(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 8 % n + 1
  end
  local tables, names = {}, {}
  for t = 1, 4 do tables[t], names[t] = {}, {} end
  local function check(t)
    local wrong = 0
    for key, value in pairs(tables[t]) do
      if value[1] ~= names[t][key] or value.text ~= 'v' .. names[t][key] then wrong = wrong + 1 end
    end
    for key in pairs(names[t]) do if not tables[t][key] then wrong = wrong + 1 end end
    return wrong
  end
  local wrong = 0
  for step = 1, STEPS do
    local t = draw(4)
    local key = draw(3) == 1 and draw(3000) or 'key' .. draw(6000)
    local what = draw(10)
    if what <= 6 then
      local name = draw(1000000)
      tables[t][key], names[t][key] = { name, text = 'v' .. name }, name
    elseif what <= 8 then
      tables[t][key], names[t][key] = nil, nil
    else
      local from = draw(3000)
      tables[t][key], names[t][key] = tables[t][from], names[t][from]
      tables[t][from], names[t][from] = nil, nil
    end
    if step % 20000 == 0 then
      wrong = wrong + check(draw(4))
      if draw(4) == 1 then tables[t], names[t] = {}, {} end
    end
  end
  for t = 1, 4 do wrong = wrong + check(t) end
  return wrong
)";

class Churn : public testing::TestWithParam<int> {};

TEST_P(Churn, WhatTablesHoldIsKeptWhileTheyAreMarkedInSlices) {
  TestVm vm;
  vm.limits.steps = 1'000'000'000;
  vm.limits.time_ns = 600'000'000'000;
  vm.limits.heap_bytes = TestVm::default_heap_bytes;
  const std::string head = "local SEED, STEPS = " + std::to_string(GetParam()) + ", 60000 ";
  EXPECT_EQ(vm.run(head + churn), "0");
  EXPECT_EQ(vm.heap().audit(), std::nullopt);
  vm.collect_all();
  EXPECT_EQ(vm.heap().audit(), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Churn, testing::Range(1, 9));

TEST(Collector, NoStepFreesAllThatIsDead) {
  TestVm vm;
  vm.limits.steps = 1'000'000'000;
  vm.collect_all();
  vm.vm().begin(vm.limits);
  ASSERT_EQ(vm.run("local last for i = 1, 20000 do last = { i, last } end"), "");
  const std::size_t full = vm.heap().used_bytes();
  std::size_t most = 0;
  std::size_t before = full;
  for (bool more = true; more; before = vm.heap().used_bytes()) {
    more = vm.vm().collect_some();
    most = std::max(most, before - std::min(before, vm.heap().used_bytes()));
  }
  EXPECT_LT(before + (1u << 20), full) << "it was garbage";
  EXPECT_LT(most, 128u << 10);
}

}  // namespace
}  // namespace cacheismo::lua

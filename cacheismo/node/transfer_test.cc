// Goal: items leave one node and enter another as transfer.h says, over the wire. Method: simulated
// nodes with the shipped types, requests whole, cut at random and byte by byte.

#include "cacheismo/node/transfer.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/node/test_transfer.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

std::string put(const std::string& key, const std::string& data) {
  return "ms " + key + " " + std::to_string(data.size()) + " P1.0.0.1000\r\n" + data + "\r\n";
}

class TransferTest : public testing::TestWithParam<sim::Cuts> {
 protected:
  TransferTest() : from(copying_options(GetParam())), to(copying_options(GetParam())) {}

  /// Copies everything by slices; how many items were only named.
  int copy() {
    sim::RawConnection& source = from.connect();
    sim::RawConnection& target = to.connect();
    int named = 0;
    std::uint64_t cursor = 0;
    do {
      const std::string slice = block(
          from.ask(source, "mg cluster:items:" + std::to_string(cursor) + " v P1.0.0.1000\r\n"));
      EXPECT_GE(slice.size(), 8u);
      cursor = number_at(Bytes(slice).substr(0, 8));
      std::string whole;
      Bytes rest = Bytes(slice).substr(8);
      while (auto item = take_item(rest)) {
        if (item->kind == ItemForm::Kind::long_one) {
          ++named;
          whole += block(from.ask(source, "mg " + std::string(item->key) + " v P1.0.0.1000.i\r\n"));
        } else {
          append_item(*item, whole);
        }
      }
      EXPECT_TRUE(rest.empty());
      EXPECT_EQ(to.ask(target, put("cluster:items", whole)), "HD\r\n");
    } while (cursor != 0);
    return named;
  }

  sim::Wire from;
  sim::Wire to;
};

TEST_P(TransferTest, SlicesCarryValuesAndObjectsWithFlagsAndTime) {
  sim::RawConnection& client = from.connect();
  EXPECT_EQ(from.ask(client, "set a 7 100 1\r\nx\r\nset b 0 0 0\r\n\r\n"), "STORED\r\nSTORED\r\n");
  const std::string large(100'000, 'l');
  EXPECT_EQ(from.ask(client, "set large 0 0 100000\r\n" + large + "\r\n"), "STORED\r\n");
  EXPECT_EQ(from.ask(client, "get set:new:s set:put:s:x set:put:s:y\r\n").substr(0, 5), "VALUE");
  for (int i = 0; i < 500; ++i)
    EXPECT_EQ(from.ask(client, "set k" + std::to_string(i) + " 0 0 1\r\nv\r\n"), "STORED\r\n");
  from.advance(10s);
  EXPECT_EQ(copy(), 1);
  sim::RawConnection& reader = to.connect();
  EXPECT_EQ(to.ask(reader, "mg a v f t\r\nmg b v t\r\n"), "VA 1 f7 t90\r\nx\r\nVA 0 t-1\r\n\r\n");
  EXPECT_EQ(to.ask(reader, "get set:count:s\r\n"), "VALUE set:count:s 0 1\r\n2\r\nEND\r\n");
  EXPECT_EQ(to.ask(reader, "get large\r\n"), "VALUE large 0 100000\r\n" + large + "\r\nEND\r\n");
  EXPECT_EQ(to.ask(reader, "get k0 k499\r\n"),
            "VALUE k0 0 1\r\nv\r\nVALUE k499 0 1\r\nv\r\nEND\r\n");
}

TEST_P(TransferTest, ADigestTellsEqualFromDifferent) {
  sim::RawConnection& a = from.connect();
  sim::RawConnection& b = to.connect();
  const std::string ask = "mg k v P1.0.0.1000.d\r\n";
  EXPECT_EQ(from.ask(a, ask), "EN\r\n");
  (void)from.ask(a, "set k 5 0 3\r\nabc\r\n");
  (void)to.ask(b, "set k 5 0 3\r\nabc\r\n");
  EXPECT_EQ(from.ask(a, ask), to.ask(b, ask));
  (void)to.ask(b, "set k 6 0 3\r\nabc\r\n");
  EXPECT_NE(from.ask(a, ask), to.ask(b, ask));
}

TEST_P(TransferTest, ReadingLeavesTheItemAsItWas) {
  sim::RawConnection& client = from.connect();
  (void)from.ask(client, "set k 0 0 1\r\nx\r\n");
  EXPECT_EQ(copy(), 0);
  EXPECT_NE(from.ask(client, "mg k v P1.0.0.1000.i\r\n"), "EN\r\n");
  EXPECT_EQ(from.ask(client, "mg k h v\r\n"), "VA 1 h0\r\nx\r\n");
}

TEST_P(TransferTest, PartsAreTakenInOrderAndForgottenWhenNothingComes) {
  std::string form;
  append_item({.kind = ItemForm::Kind::value, .key = "k", .payload = std::string(9000, 'v')}, form);
  const std::string total = std::to_string(form.size());
  sim::RawConnection& client = to.connect();
  const std::string first = put("cluster:part:0:" + total, form.substr(0, 5000));
  const std::string second = put("cluster:part:5000:" + total, form.substr(5000));
  const std::string again = "SERVER_ERROR cluster: a part at 5000 of " + total +
                            " was not expected, begin again at 0\r\n";
  EXPECT_EQ(to.ask(client, second), again);
  EXPECT_EQ(to.ask(client, first), "HD\r\n");
  to.advance(11s);
  EXPECT_EQ(to.ask(client, second), again);
  EXPECT_EQ(to.ask(client, first + second), "HD\r\nHD\r\n");
  EXPECT_EQ(to.ask(client, "mg k s\r\n"), "HD s9000\r\n");
  EXPECT_EQ(
      to.ask(client, put("cluster:part:0:99999999999", "x")),
      "SERVER_ERROR cluster: \"0:99999999999\" is no OFFSET:TOTAL, at most 67109130 bytes\r\n");
}

TEST_P(TransferTest, WhatCannotBeStoredIsSaidAndTheRestIs) {
  std::string forms;
  append_item({.kind = ItemForm::Kind::value, .key = "good", .payload = "1"}, forms);
  append_item({.kind = ItemForm::Kind::object, .key = "bad key", .payload = "1"}, forms);
  append_item({.kind = ItemForm::Kind::value, .key = "too", .payload = "2"}, forms);
  sim::RawConnection& client = to.connect();
  EXPECT_EQ(to.ask(client, put("cluster:items", forms)),
            "SERVER_ERROR cluster: 1 of 3 items were not stored: its bytes are not those of an "
            "item: bad%20key\r\n");
  EXPECT_EQ(to.ask(client, "get good too\r\n"),
            "VALUE good 0 1\r\n1\r\nVALUE too 0 1\r\n2\r\nEND\r\n");
  EXPECT_EQ(to.ask(client, put("cluster:items", "rubbish")),
            "SERVER_ERROR cluster: what follows the first 0 items is no item\r\n");
}

TEST_P(TransferTest, WithoutHopsTheSameKeysAreOrdinary) {
  sim::RawConnection& client = from.connect();
  EXPECT_EQ(from.ask(client,
                     "set cluster:items:0 0 0 1\r\nx\r\nms cluster:items 1\r\ny\r\n"
                     "ms cluster:items 1 P0.0.0.5\r\nz\r\nms cluster:part:0:5 1 Pq\r\nz\r\n"),
            "STORED\r\nHD\r\nHD\r\nHD\r\n");
  EXPECT_EQ(from.ask(client, "get cluster:items:0 cluster:items\r\n"),
            "VALUE cluster:items:0 0 1\r\nx\r\nVALUE cluster:items 0 1\r\nz\r\nEND\r\n");
  EXPECT_EQ(copy(), 0);
  EXPECT_EQ(to.ask(to.connect(), "get cluster:items:0\r\n"),
            "VALUE cluster:items:0 0 1\r\nx\r\nEND\r\n");
}

INSTANTIATE_TEST_SUITE_P(Cuts, TransferTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

TEST(Transfer, IsRefusedWhereItIsNotAllowed) {
  sim::Wire::Options closed = copying_options(sim::Cuts::whole);
  closed.config.accept_copy = false;
  closed.config.dump_enabled = false;
  sim::Wire wire(closed);
  sim::RawConnection& client = wire.connect();
  const std::string told =
      "SERVER_ERROR cluster: items are not told here: dumps are disabled (-X)\r\n";
  EXPECT_EQ(wire.ask(client, "mg cluster:items:0 v P1.0.0.1\r\n"), told);
  EXPECT_EQ(wire.ask(client, "mg cluster:digests:0 v P1.0.0.1\r\n"), told);
  EXPECT_EQ(wire.ask(client, "mg k v P1.0.0.1.i\r\n"), told);
  EXPECT_EQ(wire.ask(client, "mg cluster:changes:0 v P1.0.0.1\r\n"), told);
  EXPECT_EQ(wire.ask(client, put("cluster:items", "x")),
            "SERVER_ERROR cluster: items are not accepted here: start with --accept-copy\r\n");
}

TEST(Transfer, ANodeOfAClusterAnswersForWhatItHasItself) {
  sim::Wire::Options cluster = copying_options(sim::Cuts::whole);
  cluster.nodes = 2;
  sim::Wire wire(cluster);
  sim::RawConnection& one = wire.connect(wire.address(0));
  sim::RawConnection& two = wire.connect(wire.address(1));
  std::string form;
  append_item({.kind = ItemForm::Kind::value, .key = "k", .payload = "v"}, form);
  EXPECT_EQ(wire.ask(one, put("cluster:items", form)), "HD\r\n");
  EXPECT_EQ(block(wire.ask(one, "mg k v P1.0.0.1000.i\r\n")), form);
  EXPECT_EQ(wire.ask(two, "mg k v P1.0.0.1000.i\r\n"), "EN\r\n");
}

}  // namespace
}  // namespace cacheismo::node

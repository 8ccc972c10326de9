// Goal: what a node answers, whatever the cut of the bytes, and what it does when bytes are many,
// late, wrong or unread. Method: the real node over the simulated wire; time passes by hand.

#include "cacheismo/node/node.h"

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/node/test_wire.h"

namespace cacheismo::node {
namespace {

std::string set(const std::string& key, const std::string& value, const std::string& tail = "") {
  return "set " + key + " 0 0 " + std::to_string(value.size()) + tail + "\r\n" + value + "\r\n";
}
std::string hit(const std::string& key, const std::string& value) {
  return "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

TEST(Node, StoresAndReturnsAValue) {
  TestWire wire;
  TestClient& client = wire.connect();
  EXPECT_EQ(wire.say(client, set("a", "hello")), "STORED\r\n");
  EXPECT_EQ(wire.say(client, "get a\r\n"), hit("a", "hello") + "END\r\n");
  EXPECT_EQ(wire.say(client, "get a b a\r\n"), hit("a", "hello") + hit("a", "hello") + "END\r\n");
  EXPECT_EQ(wire.say(client, "delete a\r\nget a\r\n"), "DELETED\r\nEND\r\n");
}

}  // namespace
}  // namespace cacheismo::node

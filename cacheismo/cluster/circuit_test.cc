// Goal: a peer that fails is left alone, and probed. Method: a clock that the test moves.

#include "cacheismo/cluster/circuit.h"

#include <chrono>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"

namespace cacheismo::cluster {
namespace {

using namespace std::chrono_literals;

MonotonicTime at(Duration time) { return MonotonicTime(time); }

Circuit opened() {
  Circuit circuit(Prng(1));
  for (std::uint32_t i = 0; i < limits::peer_failures_max; ++i) circuit.failed(at(0s));
  return circuit;
}

TEST(Circuit, OpensAfterFailuresInARow) {
  Circuit circuit(Prng(1));
  circuit.failed(at(0s));
  circuit.failed(at(0s));
  EXPECT_TRUE(circuit.admit(at(0s)));
  circuit.failed(at(0s));
  EXPECT_EQ(circuit.state(), Circuit::State::open);
  EXPECT_FALSE(circuit.admit(at(0s)));
  EXPECT_EQ(circuit.audit(), std::nullopt);
}

TEST(Circuit, ASuccessBetweenStartsTheCountAgain) {
  Circuit circuit(Prng(1));
  for (int i = 0; i < 10; ++i) {
    circuit.failed(at(0s));
    circuit.failed(at(0s));
    circuit.success();
  }
  EXPECT_EQ(circuit.state(), Circuit::State::closed);
}

TEST(Circuit, LetsOneProbeThroughWhenThePauseIsOver) {
  Circuit circuit = opened();
  EXPECT_GE(circuit.probe_at(), at(limits::peer_pause_min / 2));
  EXPECT_LE(circuit.probe_at(), at(limits::peer_pause_min));
  EXPECT_FALSE(circuit.admit(circuit.probe_at() - 1ns));
  EXPECT_TRUE(circuit.admit(circuit.probe_at()));
  EXPECT_EQ(circuit.state(), Circuit::State::half_open);
  EXPECT_FALSE(circuit.admit(at(1h)));
  circuit.success();
  EXPECT_EQ(circuit.state(), Circuit::State::closed);
  EXPECT_TRUE(circuit.admit(at(1h)));
}

TEST(Circuit, AFailedProbeDoublesThePauseUpToItsLimit) {
  Circuit circuit = opened();
  Duration pause = limits::peer_pause_min;
  for (int i = 0; i < 10; ++i) {
    const MonotonicTime start = circuit.probe_at();
    EXPECT_TRUE(circuit.admit(start));
    circuit.failed(start);
    pause = std::min(2 * pause, limits::peer_pause_max);
    EXPECT_GE(circuit.probe_at() - start, pause / 2);
    EXPECT_LE(circuit.probe_at() - start, pause);
    EXPECT_EQ(circuit.audit(), std::nullopt);
  }
  EXPECT_EQ(pause, limits::peer_pause_max);
}

TEST(Circuit, AProbeThatIsWithdrawnIsFollowedByTheNextCall) {
  Circuit circuit = opened();
  EXPECT_TRUE(circuit.admit(circuit.probe_at()));
  circuit.probe_withdrawn();
  EXPECT_EQ(circuit.state(), Circuit::State::open);
  EXPECT_TRUE(circuit.admit(circuit.probe_at()));
}

TEST(Circuit, FailuresOfCallsFromBeforeDoNotProlongThePause) {
  Circuit circuit = opened();
  const MonotonicTime probe_at = circuit.probe_at();
  circuit.failed(at(100ms));
  EXPECT_EQ(circuit.probe_at(), probe_at);
}

}  // namespace
}  // namespace cacheismo::cluster

// The simulated Io passes the conformance suite: without faults, byte by byte, on a calm network,
// and on networks that are slow, cut, tailed, clogged, paused and drifting in any mixture. (Plans
// that break connections are left out: the suite says what happens when nobody breaks them.)

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/io/conformance.h"
#include "cacheismo/io/io.h"
#include "sim/fault_plan.h"
#include "sim/world.h"

namespace cacheismo::sim {
namespace {

constexpr const char* host_ip = "10.0.0.1";

class SimBackend final : public io::Backend {
 public:
  SimBackend(std::uint64_t seed, const FaultPlan& plan, io::Address::Kind kind)
      : world_(seed, plan), io_(world_.add_host(host_ip)), kind_(kind) {
    world_.network().black_hole({io::Address::Kind::tcp, "10.9.9.9", 1});
  }

  io::Io& io() override { return io_; }

  bool run_until(const std::function<bool()>& done) override {
    const Duration end = world_.now() + std::chrono::minutes(10);
    while (!done()) {
      if (world_.now() > end || !world_.step()) return done();
    }
    return true;
  }

  // A slow network takes its time for what a kernel does at once.
  void run_for(Duration duration) override { world_.run_for(duration * 100); }

  io::Address listen_address() override {
    if (kind_ == io::Address::Kind::tcp) return {kind_, host_ip, 0};
    return {kind_, "/run/" + std::to_string(paths_++), 0};
  }
  io::Address refusing_address() override {
    if (kind_ == io::Address::Kind::tcp) return {kind_, host_ip, 9};
    return listen_address();
  }
  io::Address black_hole() override { return {io::Address::Kind::tcp, "10.9.9.9", 1}; }
  std::size_t connections_max() override { return 10'000; }

 private:
  World world_;
  SimIo& io_;
  io::Address::Kind kind_;
  int paths_ = 0;
};

template <io::Address::Kind kind>
std::unique_ptr<io::Backend> fault_free() {
  return std::make_unique<SimBackend>(1, FaultPlan{}, kind);
}

std::unique_ptr<io::Backend> byte_by_byte() {
  FaultPlan plan;
  plan.cuts = static_cast<std::uint64_t>(Cuts::byte_by_byte);
  return std::make_unique<SimBackend>(1, plan, io::Address::Kind::tcp);
}

std::unique_ptr<io::Backend> calm() {
  return std::make_unique<SimBackend>(1, calm_plan(), io::Address::Kind::tcp);
}

template <std::uint64_t seed>
std::unique_ptr<io::Backend> rough() {
  FaultPlan plan = draw_fault_plan(Prng(seed));
  plan.reset_every_ns = plan.crash_every_ns = plan.partition_every_ns = 0;
  plan.refuse_per_million = plan.black_hole_per_million = 0;
  plan.accept_reset_per_million = plan.accept_fail_per_million = 0;
  return std::make_unique<SimBackend>(
      seed, plan, seed % 2 == 0 ? io::Address::Kind::tcp : io::Address::Kind::unix_socket);
}

}  // namespace
}  // namespace cacheismo::sim

namespace cacheismo::io {

INSTANTIATE_TEST_SUITE_P(SimTcp, Conformance, testing::Values(sim::fault_free<Address::Kind::tcp>));
INSTANTIATE_TEST_SUITE_P(SimUnix, Conformance,
                         testing::Values(sim::fault_free<Address::Kind::unix_socket>));
INSTANTIATE_TEST_SUITE_P(SimByteByByte, Conformance, testing::Values(sim::byte_by_byte));
INSTANTIATE_TEST_SUITE_P(SimCalm, Conformance, testing::Values(sim::calm));
INSTANTIATE_TEST_SUITE_P(SimRough, Conformance,
                         testing::Values(sim::rough<1>, sim::rough<2>, sim::rough<3>, sim::rough<4>,
                                         sim::rough<5>, sim::rough<6>, sim::rough<7>,
                                         sim::rough<8>));

}  // namespace cacheismo::io

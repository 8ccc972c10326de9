// Door: a whole node, spoken to by three clients at once.
//
// The input is what the clients send, one behind the other; the byte 0xFE and the one after it are
// an order to the world instead:
//   0 1 2   this client speaks from here on           c   it closes    r   it resets
//   |       what it has said so far is delivered      s   it stops reading, or starts again
//   t N     N seconds pass
// The first byte chooses how the node's streams are cut. As long as the input consists of requests
// that the reference model knows, the replies must be its replies, byte for byte. After that the
// node must only survive: no CHECK, no sanitizer report, a clean audit and nothing left open (both
// are CHECKed when a Wire ends).

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/units.h"
#include "sim/model/reference_memcached.h"
#include "sim/wire.h"

namespace cacheismo {
namespace {

constexpr char order = '\xFE';
constexpr std::uint64_t item_bytes_max = 64 * KiB;

sim::Wire::Options options(std::uint8_t choice) {
  sim::Wire::Options options;
  // Room for everything that an input of libFuzzer's length can store: the model never evicts.
  options.config.memory_bytes = 2 * MiB;
  options.config.item_bytes_max = item_bytes_max;
  options.seed = choice;
  options.cuts = static_cast<sim::Cuts>(choice % 3);
  return options;
}

class Play {
 public:
  explicit Play(std::uint8_t choice)
      : wire_(options(choice)), model_(unix_start(), item_bytes_max) {}

  void play(Bytes input) {
    std::string said;
    while (!input.empty()) {
      const char c = input.front();
      input.remove_prefix(1);
      if (c != order || input.empty()) {
        said += c;
        continue;
      }
      deliver(said);
      said.clear();
      const char what = input.front();
      input.remove_prefix(1);
      if (what == 't') {
        pass(input.empty() ? 1 : static_cast<std::uint8_t>(input.front()));
        if (!input.empty()) input.remove_prefix(1);
      } else {
        obey(what);
      }
    }
    deliver(said);
  }

 private:
  struct Client {
    sim::RawConnection* connection = nullptr;
    std::uint32_t number = 0;  ///< the model's name for it
    bool reading = true;
    bool closed = false;  ///< by the node
  };

  std::int64_t unix_start() {
    const auto wall = wire_.node_io().now().wall.time_since_epoch();
    return std::chrono::floor<std::chrono::seconds>(wall).count();
  }

  Client& client() {
    Client& client = clients_[speaker_];
    if (client.connection == nullptr) {
      client = {&wire_.connect(), next_number_++, true, false};
      wire_.run();
    }
    return client;
  }

  void deliver(Bytes bytes) {
    if (bytes.empty()) return;
    Client& to = client();
    to.connection->write(bytes);
    wire_.run();
    if (!modelled_ || to.closed) return;
    const auto expected = model_.receive(to.number, bytes, seconds_);
    modelled_ = expected.has_value();
    if (!modelled_) return;
    to.closed = expected->closes;
    const auto difference = model_.compare(*expected, to.connection->take());
    if (difference) std::fprintf(stderr, "the model says otherwise: %s\n", difference->c_str());
    CHECK(!difference);
    CHECK_EQ(to.connection->ended().has_value(), expected->closes);
  }

  void pass(std::int64_t seconds) {
    wire_.advance(std::chrono::seconds(seconds));
    seconds_ += seconds;
  }

  void obey(char what) {
    if (what >= '0' && what <= '2') {
      speaker_ = static_cast<std::size_t>(what - '0');
      return;
    }
    if (what != 'c' && what != 'r' && what != 's') return;
    Client& gone = client();
    if (what == 's') {
      gone.reading = !gone.reading;
      gone.connection->set_reading(gone.reading);
      // Nobody can say when the replies come.
      modelled_ = false;
    } else {
      model_.forget(gone.number);
      if (what == 'c') gone.connection->close();
      if (what == 'r') gone.connection->reset();
      gone.connection = nullptr;
    }
    wire_.run();
  }

  sim::Wire wire_;
  model::ReferenceMemcached model_;
  std::array<Client, 3> clients_;
  std::size_t speaker_ = 0;
  std::uint32_t next_number_ = 0;
  std::int64_t seconds_ = 0;
  bool modelled_ = true;
};

}  // namespace
}  // namespace cacheismo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  if (size == 0) return 0;
  Play(data[0]).play(Bytes(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}

// Goal: whatever clients send, however it is cut, pipelined and interleaved, the node answers byte
// for byte what a map and a page of rules say (reference_memcached.h), and its audit stays clean.
// Method: RapidCheck draws turns: a client, some requests, where their bytes are cut, how many of
// them arrive in this turn, and how much time passes. Each run enables a random subset of verbs, so
// that rare ones meet each other. A failure that it shrinks becomes a conversation or a unit test.

#include <array>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "cacheismo/base/units.h"
#include "sim/model/reference_memcached.h"
#include "sim/wire.h"

namespace cacheismo::model {
namespace {

constexpr std::uint64_t item_bytes_max = 64 * KiB;
constexpr int verbs_count = 24;
constexpr int clients_count = 3;

/// One request as numbers that shrink towards simple ones.
struct Request {
  int verb = 0;
  int key = 0;
  int size = 0;     ///< of a value: an index into sizes
  int exptime = 0;  ///< an index into exptimes
  int token = 0;    ///< 0: the current CAS value, 1: an older one, 2: nobody's, 3: zero
  int number = 0;
  int oddity = 0;           ///< 0: none; else something is wrong with the request
  std::uint32_t flags = 0;  ///< meta flags, a bit each; bit 0: noreply or q
};

struct Turn {
  int client = 0;
  std::vector<Request> requests;
  std::uint64_t cut = 0;      ///< 0: whole; else pieces of so many bytes
  std::uint32_t held = 0;     ///< bytes of the end that wait for the client's next turn
  std::uint32_t seconds = 0;  ///< pass before it
};

std::ostream& operator<<(std::ostream& out, const Turn& turn) {
  out << "[client " << turn.client << " cut " << turn.cut << " held " << turn.held << " after "
      << turn.seconds << "s:";
  for (const Request& r : turn.requests)
    out << " {verb " << r.verb << " key " << r.key << " size " << r.size << " exptime " << r.exptime
        << " token " << r.token << " number " << r.number << " oddity " << r.oddity << " flags "
        << r.flags << "}";
  return out << "]";
}

/// Keeps what a client may know, to spell requests.
class Speller {
 public:
  Speller(const ReferenceMemcached& model, bool cluster) : model_(model), cluster_(cluster) {}

  std::string spell(const Request& r) {
    const std::string key = key_of(r);
    const std::string quiet = (r.flags & 1) != 0 ? " noreply" : "";
    switch (r.verb) {
      case 0: return "get " + key + "\r\n";
      case 1: return "gets " + key + " k1 " + key + "\r\n";
      case 2: return "gat " + exptime(r) + " " + key + " k0\r\n";
      case 3: return storage("set", r, key, quiet);
      case 4: return storage("add", r, key, quiet);
      case 5: return storage("replace", r, key, quiet);
      case 6: return storage("append", r, key, quiet);
      case 7: return storage("prepend", r, key, quiet);
      case 8: return storage("cas", r, key, " " + token(r, key) + quiet);
      case 9: return "delete " + key + quiet + "\r\n";
      case 10: return "incr " + key + " " + delta(r) + quiet + "\r\n";
      case 11: return "decr " + key + " " + delta(r) + quiet + "\r\n";
      case 12: return "touch " + key + " " + exptime(r) + quiet + "\r\n";
      case 13: return "gats " + exptime(r) + " " + key + "\r\n";
      case 14: return r.number < 3 ? "flush_all " + exptime(r) + quiet + "\r\n" : "mn\r\n";
      case 15: return wrong_line(r, key);
      case 16: return storage("set", r, key, quiet);  // counters and words, twice as often
      case 17: return "mg " + key + meta(r, key, "qvcfhklOstuNTR") + "\r\n";
      case 18: return meta_set(r, key);
      case 19: return "md " + key + meta(r, key, "qCOkITxF") + "\r\n";
      case 20: return "ma " + key + meta(r, key, "qvcktONJDTMC") + "\r\n";
      case 21: return "mg " + key + " s v t f c O7" + "\r\n";
      case 22: return "mn\r\n";
      default: return "md " + key + " I T30\r\nmg " + key + " v c\r\n";
    }
  }

 private:
  static std::string key_of(const Request& r) {
    if (r.oddity == 1) return std::string(251, 'k');
    if (r.oddity == 2) return std::string(250, 'k');
    return "k" + std::to_string(r.key);
  }

  static std::string exptime(const Request& r) {
    // 1704067200 is the world's first second; the last but two lies before, the last behind it.
    constexpr std::array<const char*, 9> exptimes = {
        "0", "100", "2", "1", "-1", "2592000", "1704067100", "1704067230", "1804067200"};
    return r.oddity == 3 ? "soon" : exptimes[static_cast<std::size_t>(r.exptime) % exptimes.size()];
  }

  static std::string delta(const Request& r) {
    constexpr std::array<const char*, 5> deltas = {"1", "10", "18446744073709551615", "0", "7"};
    return r.oddity == 3 ? "-1" : deltas[static_cast<std::size_t>(r.number) % deltas.size()];
  }

  static std::string data(const Request& r) {
    constexpr std::array<const char*, 8> words = {"5", "", "x", "99", "+7", "0", "value", "007"};
    constexpr std::array<std::size_t, 5> sizes = {300, 1000, 4090, 5000, 20000};
    const auto size = static_cast<std::size_t>(r.size);
    if (size < words.size()) return words[size];
    if (size < words.size() + sizes.size())
      return std::string(sizes[size - words.size()], static_cast<char>('a' + r.number));
    return std::string(size == 13 ? item_bytes_max - 70 : item_bytes_max + 10, 'o');
  }

  std::string token(const Request& r, const std::string& key) {
    const auto current = model_.cas_of(key);
    const std::uint64_t older = seen_[key];
    if (current) seen_[key] = *current;
    if (r.token == 3) return "0";
    if (r.token == 1 && older != 0) return std::to_string(older);
    return r.token == 2 || !current ? "1000000000000000" : std::to_string(*current);
  }

  static std::string block(const Request& r, const std::string& bytes) {
    return r.oddity == 4 ? bytes + "?!" : bytes + "\r\n";
  }

  std::string storage(const char* verb, const Request& r, const std::string& key,
                      const std::string& rest) {
    const std::string bytes = data(r);
    const std::string flags = r.oddity == 5 ? "-1" : std::to_string(r.number);
    return std::string(verb) + " " + key + " " + flags + " " + exptime(r) + " " +
           std::to_string(bytes.size()) + rest + "\r\n" + block(r, bytes);
  }

  std::string meta_set(const Request& r, const std::string& key) {
    const std::string bytes = data(r);
    return "ms " + key + " " + std::to_string(bytes.size()) + meta(r, key, "qCckOsFTMINE") +
           "\r\n" + block(r, bytes);
  }

  /// The flags of `letters` whose bits are set, in an order that the request chooses.
  std::string meta(const Request& r, const std::string& key, std::string letters) {
    const std::size_t first = static_cast<std::size_t>(r.number) % letters.size();
    letters = letters.substr(first) + letters.substr(0, first);
    std::string text;
    bool touches = false;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      if (((r.flags >> i) & 1u) == 0) continue;
      const char letter = letters[i];
      // The model counts CAS values from 1, as a lone node does; what is older than a value that it
      // has not seen it knows of no other node.
      if (letter == 'I' && cluster_) continue;
      const bool sets_time = letter == 'N' || letter == 'R' || letter == 'T';
      // What two of these do together nobody has written down.
      if (sets_time && touches) continue;
      touches = touches || sets_time;
      text += std::string(" ") + letter;
      constexpr std::array<const char*, 8> modes = {"I", "D", "S", "A", "P", "R", "E", "SET"};
      switch (letter) {
        case 'O': text += "op" + std::to_string(r.number); break;
        case 'C': text += token(r, key); break;
        case 'F': text += std::to_string(r.number); break;
        case 'T':
        case 'N': text += r.exptime == 0 ? "0" : std::to_string(r.exptime * 10); break;
        case 'R': text += "60"; break;
        case 'J': text += std::to_string(r.number); break;
        case 'D': text += std::to_string(r.number * r.number); break;
        case 'E': text += std::to_string(5'000'000'000 + r.number); break;
        case 'M': text += modes[static_cast<std::size_t>(r.number) % modes.size()]; break;
        default: break;
      }
    }
    if (r.oddity == 6) text += " !";
    if (r.oddity == 7 && !text.empty()) text += text.substr(text.rfind(' '));
    return text;
  }

  static std::string wrong_line(const Request& r, const std::string& key) {
    const std::array<std::string, 10> lines = {"GET " + key,
                                               "bogus " + key + " noreply",
                                               "get",
                                               "\r\nset " + key + " 0 0 x",
                                               "set " + key,
                                               "delete",
                                               "touch " + key,
                                               "gat x " + key,
                                               "ms " + key + " -1",
                                               "mg"};
    return lines[static_cast<std::size_t>(r.number) % lines.size()] + "\r\n";
  }

  const ReferenceMemcached& model_;
  bool cluster_;
  std::map<std::string, std::uint64_t> seen_;
};

/// The node and the model, side by side.
class Comparison {
 public:
  Comparison(std::uint64_t seed, std::uint32_t nodes)
      : wire_(options(seed, nodes)),
        model_(unix_start(), item_bytes_max),
        speller_(model_, nodes > 1) {
    for (std::size_t i = 0; i < clients_count; ++i)
      clients_.push_back({&wire_.connect(wire_.address(i % nodes)), ""});
    wire_.run();
  }

  /// What differs, or "".
  std::string play(const Turn& turn) {
    if (turn.seconds > 0) {
      wire_.advance(std::chrono::seconds(turn.seconds));
      now_ += turn.seconds;
    }
    Client& client = clients_[static_cast<std::size_t>(turn.client)];
    for (const Request& request : turn.requests) client.unsent += speller_.spell(request);
    const std::size_t held = std::min<std::size_t>(turn.held, client.unsent.size());
    const std::string bytes = client.unsent.substr(0, client.unsent.size() - held);
    client.unsent.erase(0, bytes.size());
    std::vector<std::size_t> cuts;
    // Pieces of a few bytes are for the front; a long value is not worth a piece a byte.
    for (std::size_t at = turn.cut; at != 0 && at < bytes.size() && cuts.size() < 200;
         at += turn.cut)
      cuts.push_back(at);
    const auto expected = model_.receive(static_cast<std::uint32_t>(turn.client), bytes, now_);
    if (!expected) return "the model does not know: " + bytes;
    wire_.write_cut(*client.connection, bytes, cuts);
    const auto difference = model_.compare(*expected, client.connection->take());
    return difference ? *difference + "\n  after " + bytes.substr(0, 1000) : "";
  }

  /// Whatever was held back is sent; then the audit.
  std::string finish() {
    for (int i = 0; i < clients_count; ++i) {
      Turn last;
      last.client = i;
      if (std::string wrong = play(last); !wrong.empty()) return wrong;
    }
    return wire_.audit().value_or("");
  }

 private:
  struct Client {
    sim::RawConnection* connection = nullptr;
    std::string unsent;
  };

  static sim::Wire::Options options(std::uint64_t seed, std::uint32_t nodes) {
    sim::Wire::Options options;
    options.nodes = nodes;
    options.config.memory_bytes = 8 * MiB;
    options.config.item_bytes_max = item_bytes_max;
    options.seed = seed;
    options.cuts = seed % 2 == 0 ? sim::Cuts::whole : sim::Cuts::random;
    return options;
  }

  std::int64_t unix_start() {
    const auto wall = wire_.node_io().now().wall.time_since_epoch();
    return std::chrono::floor<std::chrono::seconds>(wall).count();
  }

  sim::Wire wire_;
  ReferenceMemcached model_;
  Speller speller_;
  std::vector<Client> clients_;
  std::int64_t now_ = 0;
};

rc::Gen<Request> request_of(const std::vector<int>& verbs) {
  using rc::gen::inRange;
  using rc::gen::set;
  return rc::gen::build<Request>(
      set(&Request::verb, rc::gen::elementOf(verbs)), set(&Request::key, inRange(0, 4)),
      set(&Request::size, rc::gen::weightedElement<int>({{20, 0},
                                                         {10, 1},
                                                         {10, 2},
                                                         {10, 3},
                                                         {6, 4},
                                                         {6, 5},
                                                         {10, 6},
                                                         {6, 7},
                                                         {4, 8},
                                                         {4, 9},
                                                         {3, 10},
                                                         {3, 11},
                                                         {2, 12},
                                                         {1, 13},
                                                         {1, 14}})),
      set(&Request::exptime,
          rc::gen::weightedElement<int>(
              {{10, 0}, {4, 1}, {3, 2}, {3, 3}, {1, 4}, {1, 5}, {1, 6}, {2, 7}, {1, 8}})),
      set(&Request::token, rc::gen::weightedElement<int>({{6, 0}, {2, 1}, {1, 2}, {1, 3}})),
      set(&Request::number, inRange(0, 10)),
      set(&Request::oddity, rc::gen::weightedElement<int>(
                                {{60, 0}, {1, 1}, {2, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}, {1, 7}})),
      set(&Request::flags, inRange<std::uint32_t>(0, 1u << 14)));
}

rc::Gen<Turn> turn_of(const std::vector<int>& verbs) {
  using rc::gen::inRange;
  using rc::gen::set;
  return rc::gen::build<Turn>(
      set(&Turn::client, inRange(0, clients_count)),
      set(&Turn::requests,
          rc::gen::resize(6, rc::gen::container<std::vector<Request>>(request_of(verbs)))),
      set(&Turn::cut, rc::gen::weightedElement<std::uint64_t>({{6, 0}, {2, 1}, {2, 3}, {2, 50}})),
      set(&Turn::held,
          rc::gen::weightedElement<std::uint32_t>({{10, 0}, {1, 1}, {1, 2}, {1, 10}, {1, 300}})),
      set(&Turn::seconds,
          rc::gen::weightedElement<std::uint32_t>({{12, 0}, {2, 1}, {1, 5}, {1, 40}})));
}

void check_verbs(const std::vector<int>& verbs, std::uint64_t seed, std::uint32_t nodes = 1) {
  const auto turns = *rc::gen::scale(2.0, rc::gen::container<std::vector<Turn>>(turn_of(verbs)));
  Comparison comparison(seed, nodes);
  for (const Turn& turn : turns) {
    const std::string wrong = comparison.play(turn);
    if (!wrong.empty()) RC_FAIL(wrong);
  }
  const std::string wrong = comparison.finish();
  if (!wrong.empty()) RC_FAIL(wrong);
}

void expect_holds(const char* name, const std::function<void()>& property) {
  EXPECT_TRUE(rc::check(name, property));
}

std::vector<int> all_verbs() {
  std::vector<int> verbs;
  for (int verb = 0; verb < verbs_count; ++verb) verbs.push_back(verb);
  return verbs;
}

TEST(WireProperty, AnyRequestsInAnyCutAnswerAsTheModel) {
  expect_holds("all verbs",
               [] { check_verbs(all_verbs(), *rc::gen::inRange<std::uint64_t>(0, 1000)); });
}

TEST(WireProperty, SwarmsOfFewVerbsAnswerAsTheModel) {
  expect_holds("a few verbs", [] {
    auto verbs =
        *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, verbs_count)));
    verbs.push_back(3);
    check_verbs(verbs, *rc::gen::inRange<std::uint64_t>(0, 1000));
  });
}

TEST(WireProperty, MetaCommandsOnOneKeyAnswerAsTheModel) {
  expect_holds("meta verbs", [] {
    check_verbs({17, 17, 18, 18, 19, 20, 21, 23, 3, 12, 10},
                *rc::gen::inRange<std::uint64_t>(0, 1000));
  });
}

// Every client speaks to another node of three, and all of them see one cache.
TEST(WireProperty, AnyRequestsThroughAnyNodeOfAClusterAnswerAsTheModel) {
  expect_holds("all verbs, three nodes",
               [] { check_verbs(all_verbs(), *rc::gen::inRange<std::uint64_t>(0, 1000), 3); });
}

}  // namespace
}  // namespace cacheismo::model

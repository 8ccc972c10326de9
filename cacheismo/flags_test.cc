// Goal: what starts memcached starts cacheismo, and what is wrong is said in one line. Method: the
// parser is a pure function; each flag is given in the forms in which operators write it.

#include "cacheismo/flags.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cacheismo {
namespace {

Result<std::vector<std::string>, std::string> resolve(const std::string& name) {
  if (name == "localhost") return std::vector<std::string>{"127.0.0.1", "::1"};
  if (name == "fooble") return failure(std::string("Name or service not known"));
  return std::vector<std::string>{name};
}

Result<Options, std::string> parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "cacheismo");
  return parse_flags(flags, {&resolve, "/tmp/ports"});
}

Options accepted(std::vector<const char*> flags) {
  auto options = parse(std::move(flags));
  EXPECT_TRUE(options) << options.error();
  return options.value_or(Options{});
}

std::string refused(std::vector<const char*> flags) {
  const auto options = parse(std::move(flags));
  EXPECT_FALSE(options);
  std::string error = options ? "" : options.error();
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  return error;
}

std::vector<std::string> listening(std::vector<const char*> flags) {
  std::vector<std::string> result;
  for (const io::Address& address : accepted(std::move(flags)).config.listen) {
    result.push_back(to_string(address));
  }
  return result;
}

using Strings = std::vector<std::string>;

TEST(Flags, NoneGiveTheDefaults) {
  const Options options = accepted({});
  EXPECT_EQ(options.action, Action::serve);
  EXPECT_EQ(options.config.listen,
            (std::vector<io::Address>{{io::Address::Kind::tcp, "127.0.0.1", 11211}}));
  EXPECT_EQ(options.config.memory_bytes, 64 * MiB);
  EXPECT_EQ(options.config.item_bytes_max, 1 * MiB);
  EXPECT_EQ(options.config.connections_max, 1024u);
  EXPECT_EQ(options.config.requests_per_event, 20u);
  EXPECT_EQ(options.config.listen_options.backlog, 1024);
  EXPECT_EQ(options.config.listen_options.unix_mode, 0700u);
  EXPECT_EQ(options.config.idle_timeout, Duration::zero());
  EXPECT_TRUE(options.config.evict && options.config.cas && options.config.flush_enabled);
  EXPECT_TRUE(options.config.dump_enabled && options.config.watch_enabled);
  EXPECT_FALSE(options.config.shutdown_enabled || options.config.authenticate);
  EXPECT_EQ(options.process.port_file, "/tmp/ports");
  EXPECT_TRUE(options.warnings.empty());
}

TEST(Flags, Port) {
  EXPECT_EQ(listening({"-p", "22122"}), Strings{"127.0.0.1:22122"});
  EXPECT_EQ(listening({"-p22122"}), Strings{"127.0.0.1:22122"});
  EXPECT_EQ(listening({"--port=22122"}), Strings{"127.0.0.1:22122"});
  EXPECT_EQ(listening({"--port", "22122"}), Strings{"127.0.0.1:22122"});
  EXPECT_EQ(listening({"-p", "-1"}), Strings{"127.0.0.1:0"});
  EXPECT_EQ(refused({"-p", "65536"}), "-p wants a number from -1 to 65535, not \"65536\"");
  EXPECT_EQ(refused({"-p", "-2"}), "-p wants a number from -1 to 65535, not \"-2\"");
  EXPECT_EQ(refused({"-p", "11211x"}), "-p wants a number from -1 to 65535, not \"11211x\"");
  EXPECT_EQ(refused({"-p", ""}), "-p wants a number from -1 to 65535, not \"\"");
  EXPECT_EQ(refused({"-p"}), "-p wants a value");
  EXPECT_EQ(refused({"-p", "0"}), "-p 0 leaves nothing to listen on; -s listens on a unix socket");
}

TEST(Flags, ListenOnSeveralAddresses) {
  EXPECT_EQ(listening({"-l", "10.0.0.1"}), Strings{"10.0.0.1:11211"});
  EXPECT_EQ(listening({"-l", "127.0.0.1,127.0.0.2:22123"}),
            (Strings{"127.0.0.1:11211", "127.0.0.2:22123"}));
  EXPECT_EQ(listening({"-l", "127.0.0.1", "-l", "127.0.0.2", "-p", "5"}),
            (Strings{"127.0.0.1:5", "127.0.0.2:5"}));
  EXPECT_EQ(listening({"-l", "[::1]:22124,::1,[::2]"}),
            (Strings{"[::1]:22124", "[::1]:11211", "[::2]:11211"}));
  EXPECT_EQ(listening({"-l", "127.0.0.1;127.0.0.2"}),
            (Strings{"127.0.0.1:11211", "127.0.0.2:11211"}));
  EXPECT_EQ(listening({"--listen=127.0.0.3:0"}), Strings{"127.0.0.3:0"});
}

TEST(Flags, ListenOnAName) {
  EXPECT_EQ(listening({"-l", "localhost:9"}), (Strings{"127.0.0.1:9", "[::1]:9"}));
  EXPECT_EQ(listening({"-l", "localhost,127.0.0.1"}), (Strings{"127.0.0.1:11211", "[::1]:11211"}));
  EXPECT_EQ(refused({"-l", "fooble"}), "-l fooble: Name or service not known");
}

TEST(Flags, ListenOnSomethingElse) {
  for (const char* wrong : {"", "127.0.0.1,", ":11211", "127.0.0.1:", "[::1", "[::1]x", "[::1]:"}) {
    EXPECT_NE(refused({"-l", wrong}).find("-l wants addresses"), std::string::npos) << wrong;
  }
  EXPECT_NE(refused({"-l", "127.0.0.1:port"}).find("the port in -l"), std::string::npos);
  EXPECT_NE(refused({"-l", "127.0.0.1:65536"}).find("the port in -l"), std::string::npos);
}

TEST(Flags, UnixSocketReplacesTcp) {
  EXPECT_EQ(listening({"-s", "/run/c.sock"}), Strings{"unix:/run/c.sock"});
  EXPECT_EQ(listening({"-s", "/run/c.sock", "-p", "0"}), Strings{"unix:/run/c.sock"});
  const Options options = accepted({"-s", "x", "-a", "0777", "-l", "127.0.0.1"});
  EXPECT_EQ(options.config.listen_options.unix_mode, 0777u);
  EXPECT_EQ(options.config.listen.size(), 1u);
  EXPECT_EQ(options.warnings.size(), 1u);
  EXPECT_EQ(accepted({"-s", "x", "--unix-mask=660"}).config.listen_options.unix_mode, 0660u);
  EXPECT_EQ(refused({"-a", "999"}), "-a wants permission bits in octal, at most 777, not \"999\"");
  EXPECT_NE(refused({"-a", "1777"}), "");
}

TEST(Flags, Memory) {
  EXPECT_EQ(accepted({"-m", "1024"}).config.memory_bytes, 1024 * MiB);
  EXPECT_EQ(accepted({"--memory-limit=65536"}).config.memory_bytes, 64 * GiB);
  EXPECT_EQ(accepted({"-m", "1"}).config.item_bytes_max, MiB / 2);
  EXPECT_EQ(refused({"-m", "0"}), "-m wants a number from 1 to 65536, not \"0\"");
  EXPECT_EQ(refused({"-m", "65537"}), "-m wants a number from 1 to 65536, not \"65537\"");
  EXPECT_EQ(refused({"-m", "64m"}), "-m wants a number from 1 to 65536, not \"64m\"");
  EXPECT_FALSE(accepted({"-M"}).config.evict);
}

TEST(Flags, ItemSize) {
  EXPECT_EQ(accepted({"-I", "1k"}).config.item_bytes_max, 1 * KiB);
  EXPECT_EQ(accepted({"-I", "1024"}).config.item_bytes_max, 1 * KiB);
  EXPECT_EQ(accepted({"-I", "32M"}).config.item_bytes_max, 32 * MiB);
  EXPECT_EQ(accepted({"-I", "1g", "-m", "2048"}).config.item_bytes_max, 1 * GiB);
  EXPECT_EQ(accepted({"-m", "2048", "--max-item-size=1024m"}).config.item_bytes_max, 1 * GiB);
  EXPECT_EQ(refused({"-I", "33m"}), "-I is at most half of -m, 33554432 bytes, not 34603008");
  for (const char* wrong : {"1023", "2g", "1025m", "1t", "k", "", "-1m", "18014398509481984k"}) {
    EXPECT_NE(refused({"-I", wrong, "-m", "65536"}).find("-I wants a size from 1024"),
              std::string::npos)
        << wrong;
  }
}

TEST(Flags, ConnectionsAndTurns) {
  EXPECT_EQ(accepted({"-c", "1"}).config.connections_max, 1u);
  EXPECT_EQ(accepted({"--conn-limit=100000"}).config.connections_max, 100'000u);
  EXPECT_EQ(refused({"-c", "0"}), "-c wants a number from 1 to 10000000, not \"0\"");
  EXPECT_EQ(accepted({"-b", "8192"}).config.listen_options.backlog, 8192);
  EXPECT_EQ(accepted({"-R", "100"}).config.requests_per_event, 100u);
  EXPECT_NE(refused({"-R", "0"}), "");
  EXPECT_NE(refused({"-b", "-1"}), "");
}

TEST(Flags, Switches) {
  const Options options = accepted({"-dAFXWCr", "-vv", "-P", "/run/c.pid", "-u", "nobody"});
  EXPECT_TRUE(options.process.background);
  EXPECT_TRUE(options.process.core_dumps);
  EXPECT_EQ(options.process.pid_file, "/run/c.pid");
  EXPECT_EQ(options.process.user, "nobody");
  EXPECT_TRUE(options.config.shutdown_enabled);
  EXPECT_FALSE(options.config.flush_enabled);
  EXPECT_FALSE(options.config.dump_enabled);
  EXPECT_FALSE(options.config.watch_enabled);
  EXPECT_FALSE(options.config.cas);
  EXPECT_EQ(options.config.verbosity, 2);
  EXPECT_EQ(accepted({"--verbose"}).config.verbosity, 1);
}

TEST(Flags, PrefixDelimiterTurnsDetailOn) {
  const Options options = accepted({"-D", "/"});
  EXPECT_EQ(options.config.prefix_delimiter, '/');
  EXPECT_TRUE(options.config.prefix_stats);
  EXPECT_EQ(refused({"-D", ""}), "-D wants one character");
  EXPECT_EQ(refused({"-D", "::"}), "-D wants one character");
}

TEST(Flags, AuthFile) {
  const Options options = accepted({"-Y", "users"});
  EXPECT_EQ(options.process.auth_file, "users");
  EXPECT_TRUE(options.config.authenticate);
  EXPECT_NE(refused({"-Y", ""}), "");
}

TEST(Flags, IdleTimeout) {
  EXPECT_EQ(accepted({"-o", "idle_timeout=30"}).config.idle_timeout, std::chrono::seconds(30));
  EXPECT_EQ(accepted({"-o", "modern,idle_timeout=5"}).config.idle_timeout, std::chrono::seconds(5));
  EXPECT_NE(refused({"-o", "idle_timeout"}).find("-o idle_timeout wants"), std::string::npos);
  EXPECT_NE(refused({"-o", "idle_timeout=x"}).find("-o idle_timeout wants"), std::string::npos);
}

TEST(Flags, TuningThatMeansNothingHereIsAWarning) {
  EXPECT_EQ(accepted({"-o", "no_lru_crawler,slab_reassign,hashpower=20"}).warnings,
            (Strings{"-o no_lru_crawler does nothing here", "-o slab_reassign does nothing here",
                     "-o hashpower does nothing here"}));
  EXPECT_EQ(accepted({"-t", "4"}).warnings.size(), 1u);
  EXPECT_EQ(accepted({"-t", "1"}).warnings.size(), 0u);
  EXPECT_EQ(accepted({"-f", "1.25"}).warnings.size(), 1u);
  EXPECT_EQ(accepted({"-n", "48"}).warnings.size(), 1u);
  EXPECT_EQ(accepted({"-L"}).warnings.size(), 1u);
  EXPECT_EQ(accepted({"-k"}).warnings.size(), 1u);
  EXPECT_EQ(accepted({"-N", "4"}).warnings.size(), 1u);
  EXPECT_EQ(accepted({"-U", "0"}).warnings.size(), 0u);
  EXPECT_EQ(accepted({"-U", "11211"}).warnings.size(), 1u);
  EXPECT_EQ(accepted({"-B", "ascii"}).warnings.size(), 0u);
  EXPECT_EQ(accepted({"-B", "auto"}).warnings.size(), 0u);
}

TEST(Flags, PromisesThatCouldNotBeKeptAreRefused) {
  EXPECT_NE(refused({"-S"}).find("SASL"), std::string::npos);
  EXPECT_NE(refused({"-Z"}).find("TLS"), std::string::npos);
  EXPECT_NE(refused({"-e", "/tmp/m"}).find("memory file"), std::string::npos);
  EXPECT_NE(refused({"-B", "binary"}).find("binary"), std::string::npos);
  EXPECT_NE(refused({"-B", "morse"}), "");
  EXPECT_NE(refused({"-o", "ext_path=/tmp/x:1G"}).find("external storage"), std::string::npos);
  EXPECT_NE(refused({"-o", "proxy_config=x"}).find("proxy"), std::string::npos);
  EXPECT_NE(refused({"-o", "ssl_key=x"}).find("TLS"), std::string::npos);
  EXPECT_EQ(refused({"-o", "warp_speed"}), "-o does not know \"warp_speed\"");
  EXPECT_NE(refused({"-t", "0"}), "");
}

TEST(Flags, UnknownOnesAreNamed) {
  EXPECT_EQ(refused({"-q"}), "unknown flag -q");
  EXPECT_EQ(refused({"--quiet"}), "unknown flag --quiet");
  EXPECT_EQ(refused({"--port"}), "-p wants a value");
  EXPECT_NE(refused({"--daemon=yes"}), "");
  EXPECT_EQ(refused({"11211"}), "what is \"11211\"? Only flags are expected (-h lists them)");
  EXPECT_NE(refused({"-d", "now"}).find("now"), std::string::npos);
}

TEST(Flags, CopyWantsTwoNodes) {
  const Options options = accepted({"copy", "--resume", "--passes=3", "old:11212", "[::1]:5"});
  EXPECT_EQ(options.action, Action::copy);
  EXPECT_TRUE(options.copy.resume);
  EXPECT_FALSE(options.copy.verify);
  EXPECT_EQ(options.copy.passes_max, 3u);
  EXPECT_EQ(options.copy.from_host, "old");
  EXPECT_EQ(options.copy.from_port, 11212);
  EXPECT_EQ(options.copy.to_host, "::1");
  EXPECT_EQ(options.copy.to_port, 5);
  EXPECT_EQ(accepted({"copy", "a", "[::1]"}).copy.from_port, 11211);
  EXPECT_EQ(accepted({"copy", "a", "[::1]"}).copy.to_host, "::1");
  EXPECT_EQ(accepted({"copy", "a", "::1"}).copy.to_host, "::1");
  for (const char* wrong : {"", ":1", "a:", "a:0", "a:65536", "a:1x", "[::1", "[]:1", "[::1]x:5"})
    EXPECT_NE(refused({"copy", "a:1", wrong}).find("host:port"), std::string::npos) << wrong;
  EXPECT_NE(refused({"copy", "a:1"}).find("two nodes"), std::string::npos);
  EXPECT_NE(refused({"copy", "--resume", "--verify", "a", "b"}), "");
  EXPECT_NE(refused({"copy", "--verify", "--follow", "a", "b"}), "");
  EXPECT_FALSE(options.copy.follow);
  EXPECT_TRUE(accepted({"copy", "--follow", "--resume", "a", "b"}).copy.follow);
  EXPECT_TRUE(accepted({"--accept-copy"}).config.accept_copy);
}

TEST(Flags, HelpVersionAndLicense) {
  EXPECT_EQ(accepted({"-h"}).action, Action::print_help);
  EXPECT_EQ(accepted({"--help"}).action, Action::print_help);
  EXPECT_EQ(accepted({"-V"}).action, Action::print_version);
  EXPECT_EQ(accepted({"--version"}).action, Action::print_version);
  EXPECT_EQ(accepted({"-i"}).action, Action::print_license);
  EXPECT_NE(help_text().find("127.0.0.1"), Bytes::npos);
}

TEST(Flags, AClusterIsARingAndANameInIt) {
  const Options options =
      accepted({"--ring-file=/etc/ring", "--node-name", "a.1-b_2", "--cluster-timeout=300"});
  EXPECT_EQ(options.process.ring_file, "/etc/ring");
  EXPECT_EQ(options.config.cluster.node_name, "a.1-b_2");
  EXPECT_EQ(options.config.cluster.timeout, std::chrono::milliseconds(300));
  EXPECT_EQ(accepted({}).config.cluster.timeout, std::chrono::seconds(1));
  for (const char* half : {"--ring-file=/etc/ring", "--node-name=a"})
    EXPECT_EQ(refused({half}),
              "--node-name and one of --ring-file and --etcd are given together, or none is");
  EXPECT_NE(refused({"--ring-file=/etc/ring", "--node-name=a b"}).find("a b"), std::string::npos);
  EXPECT_EQ(refused({"--ring-file=/etc/ring", "--node-name=a", "-Y", "/etc/auth"}),
            "-Y does not go with --node-name: nodes know no password");
}

TEST(Flags, ParsingTwiceStartsAfresh) {
  EXPECT_EQ(refused({"-c", "5", "-q"}), "unknown flag -q");
  EXPECT_EQ(accepted({"-c", "7"}).config.connections_max, 7u);
}

TEST(Credentials, LinesOfUserAndPassword) {
  const auto credentials = parse_credentials("alice:secret\r\n\nbob:a:b");
  ASSERT_TRUE(credentials);
  ASSERT_EQ(credentials->size(), 2u);
  EXPECT_EQ((*credentials)[0].user, "alice");
  EXPECT_EQ((*credentials)[0].password, "secret");
  EXPECT_EQ((*credentials)[1].user, "bob");
  EXPECT_EQ((*credentials)[1].password, "a:b");
}

TEST(Credentials, WrongLineIsNumberedAndNotShown) {
  EXPECT_EQ(parse_credentials("alice:secret\nhunter2\n").error(), "line 2 is not user:password");
  EXPECT_EQ(parse_credentials(":x").error(), "line 1 is not user:password");
  EXPECT_EQ(parse_credentials("x:").error(), "line 1 is not user:password");
  EXPECT_FALSE(parse_credentials(""));
  EXPECT_FALSE(parse_credentials("\n\n"));
}

TEST(Flags, ARingInEtcd) {
  const Options options =
      accepted({"-l", "10.0.0.1", "--etcd=http://e1:23,http://e2/,http://[::1]:9", "--etcd-join",
                "--etcd-lease=7", "--etcd-prefix=/c/x", "--node-name=a",
                "--node-address=[fd00::1]:11212", "--enable-ring-changes"});
  const EtcdFlags& etcd = options.process.etcd;
  EXPECT_EQ(etcd.endpoints, (std::vector<io::Address>{{io::Address::Kind::tcp, "e1", 23},
                                                      {io::Address::Kind::tcp, "e2", 2379},
                                                      {io::Address::Kind::tcp, "::1", 9}}));
  EXPECT_EQ(etcd.prefix, "/c/x/");
  EXPECT_EQ(etcd.lease_s, 7u);
  EXPECT_TRUE(etcd.join && options.config.cluster.changes_enabled);
  EXPECT_EQ(etcd.own, (io::Address{io::Address::Kind::tcp, "fd00::1", 11212}));
}

TEST(Flags, ARingInEtcdHasDefaults) {
  const Options options = accepted({"--etcd=http://e1", "--node-name=a"});
  const EtcdFlags& etcd = options.process.etcd;
  EXPECT_EQ(etcd.prefix, "/cacheismo/default/");
  EXPECT_EQ(etcd.lease_s, 5u);
  EXPECT_FALSE(etcd.join || options.config.cluster.changes_enabled);
  EXPECT_TRUE(etcd.own.host.empty());
}

TEST(Flags, WhatDoesNotMakeOneRingIsRefused) {
  const struct {
    std::vector<const char*> flags;
    const char* says;
  } cases[] = {
      {{"--etcd=http://e1"}, "--node-name"},
      {{"--node-name=a"}, "--ring-file and --etcd"},
      {{"--ring-file=r"}, "--node-name"},
      {{"--ring-file=r", "--etcd=http://e1", "--node-name=a"}, "exclude each other"},
      {{"--etcd=https://e1", "--node-name=a"}, "TLS"},
      {{"--etcd=e1:2379", "--node-name=a"}, "http://HOST:PORT"},
      {{"--etcd=http://e1:0", "--node-name=a"}, "--etcd"},
      {{"--etcd=http://", "--node-name=a"}, "--etcd"},
      {{"--etcd=http://e1,", "--node-name=a"}, "--etcd"},
      {{"--etcd=http://e1", "--node-name=a", "--etcd-lease=0"}, "--etcd-lease"},
      {{"--etcd=http://e1", "--node-name=a", "--etcd-prefix="}, "--etcd-prefix"},
      {{"--etcd=http://e1", "--node-name=a", "--node-address=h"}, "--node-address"},
      {{"--etcd=http://e1", "--node-name=a", "-l", "0.0.0.0"}, "--node-address is needed"},
      {{"--etcd=http://e1", "--node-name=a", "-s", "/tmp/s"}, "--node-address is needed"},
      {{"--etcd-join"}, "needs --etcd"},
      {{"--node-address=h:1"}, "needs --etcd"},
      {{"--enable-ring-changes"}, "needs --ring-file or --etcd"},
  };
  for (const auto& one : cases) {
    const std::string error = refused(one.flags);
    EXPECT_NE(error.find(one.says), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace cacheismo

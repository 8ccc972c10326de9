// The text of -h.

#include "cacheismo/flags.h"

namespace cacheismo {

namespace {

constexpr Bytes text = R"(cacheismo: an in-memory cache that speaks memcached's text protocol

usage: cacheismo [flags]
       cacheismo check <dir>        compile the scripts in a directory and say what they declare
       cacheismo test <dir>         run the *_test.lua files in a directory
       cacheismo copy <from> <to>   make the node at one host:port answer as the one at another;
                                    --resume goes on, --verify only compares, --follow stays and
                                    copies what changes, --passes=<num> (8), --auth-file=<file>:
                                    its first line is who both let in

Listening
  -p, --port=<num>            TCP port (default: 11211; -1: any free port; 0: none)
  -l, --listen=<addr>         addresses to listen on, separated by commas; may be given repeatedly;
                              names, and a port behind a colon, are fine (default: 127.0.0.1)
  -s, --unix-socket=<file>    listen on a unix socket instead of TCP
  -a, --unix-mask=<mask>      permission bits of the unix socket, in octal (default: 700)
  -b, --listen-backlog=<num>  connections that may wait to be accepted (default: 1024)
  -c, --conn-limit=<num>      connections at once (default: 1024)

Memory
  -m, --memory-limit=<num>    memory for items and their index, in megabytes (default: 64)
  -I, --max-item-size=<num>   largest item; k, m or g may follow (default: 1m, from 1k to 1g, at
                              most half of -m)
  -M, --disable-evictions     answer an error when memory is full instead of evicting

Objects with methods (get TYPE:METHOD:KEY:ARGUMENT...)
  --scripts=<dir>             add the object types in this directory to the shipped ones
  --no-scripts                serve plain values only: no key is virtual
  --object-max=<num>          largest object (default: 16m, at most a quarter of -m)
  --script-steps=<num>        steps that one call may take (default: 1000000)
  --script-time=<ms>          time that one call may take (default: 50)
  --script-call-memory=<num>  memory that one call may take (default: 8m)
  --script-memory=<num>       memory of all scripts, beside -m (default: 64m, at least 4m)
  --enable-reload             get cacheismo:reload reads the scripts again, as SIGHUP does

Cluster (any node answers for every key)
  --ring-file=<file>          the nodes of the cluster; read again when it changes
  --node-name=<name>          which of them this one is
  --etcd=<url>[,<url>...]     the nodes are in etcd instead: http://HOST:PORT of its members
  --etcd-prefix=<path>        where in it (default: /cacheismo/default/)
  --etcd-lease=<seconds>      how long a node holds its name without etcd; it writes nothing when
                              that is over (default: 5)
  --etcd-join                 add this node to the ring at the start, take it out at USR1
  --node-address=<host:port>  where the others find it (default: the first address of -l)
  --enable-ring-changes       get cluster:join:..., cluster:leave:... and cluster:state:... change
                              the ring, in etcd or in the file
  --cluster-timeout=<ms>      how long a request waits for another node (default: 1000)
  --accept-copy               let "cacheismo copy" write items here

Process
  -d, --daemon                run in the background; return when it serves
  -P, --pidfile=<file>        write the process id to a file
  -u, --user=<user>           become this user (only when started as root)
  -r, --enable-coredumps      raise the limit of core files
  -v, --verbose               say more on stderr; -vv says still more

What clients may do
  -A, --enable-shutdown       accept the "shutdown" command
  -Y, --auth-file=<file>      let in only who knows a line of this file: user:password
  -F, --disable-flush-all     refuse flush_all
  -X, --disable-dumping       refuse stats cachedump, lru_crawler metadump and mgdump, and copy
  -W, --disable-watch         refuse watch
  -C, --disable-cas           give out no CAS ids
  -D <char>                   what ends a key's prefix in "stats detail" (default: ":"); turns it on
  -R, --max-reqs-per-event=<num>  requests served from one connection before others get a turn
                              (default: 20)
  -o, --extended=idle_timeout=<seconds>  close connections idle for so long (default: 0, never)

  -h, --help                  print this and exit
  -i, --license               print the license and exit
  -V, --version               print the version and exit

Signals: INT and TERM stop at once; USR1 finishes what is in flight, then stops; HUP reads the auth
file, the scripts and the ring file again. The ports are written to the file that
MEMCACHED_PORT_FILENAME names.

memcached's -f, -k, -L, -n, -N, -t, -U, -B ascii and the tuning names of -o are accepted and do
nothing. -S, -Z, -e, -B binary and -o ext_*, proxy_*, ssl_* are refused.
)";

}  // namespace

Bytes help_text() { return text; }

}  // namespace cacheismo

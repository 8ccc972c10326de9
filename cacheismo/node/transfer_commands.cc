// The mg and ms of a Transfer -> reply bytes.
//
//   answer    mg                    ms
//   bytes     VA n / HD             HD
//   miss      EN                    -
//   error     SERVER_ERROR line     SERVER_ERROR line
//
// Not counted as gets or sets, nor shown to watchers: they are no traffic of clients.

#include "cacheismo/node/dispatcher.h"
#include "cacheismo/node/transfer.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {

using proto::Command;
using proto::MetaEcho;
using proto::MetaFacts;

void Dispatcher::transfer_get(const Command& command, OutputBuffer& out) {
  ++node_.counters.cmd_meta;
  const auto answer = node_.transfer->read(command);
  if (!answer) return append_error(answer.error(), out);
  MetaFacts facts;
  facts.key = command.key;
  if (answer->empty()) {
    if (!command.meta.quiet)
      out.advance_to(
          proto::put_meta_line(out.cursor(), "EN", command.meta, MetaEcho::name_only, facts));
    return;
  }
  facts.value_bytes = answer->size();
  if (!command.meta.has('v')) {
    out.advance_to(proto::put_meta_line(out.cursor(), "HD", command.meta, MetaEcho::hit, facts));
    return;
  }
  out.advance_to(proto::put_meta_value_line(out.cursor(), command.meta, MetaEcho::hit, facts));
  append_text(*answer, out);
}

bool Dispatcher::is_transfer(const Command& command) const {
  return node_.hop && node_.transfer->writes(command);
}

void Dispatcher::transfer_put(const Command& command, Bytes data, OutputBuffer& out) {
  ++node_.counters.cmd_meta;
  const auto stored = node_.transfer->write(command, data);
  if (!stored) return append_error(stored.error(), out);
  if (command.meta.quiet) return;
  out.advance_to(proto::put_meta_line(out.cursor(), "HD", command.meta, MetaEcho::stored,
                                      {.key = command.key}));
}

}  // namespace cacheismo::node

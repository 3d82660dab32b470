// handlers_names.cc - LOOKUP, FORGET and listing directories.
#include <algorithm>

#include "fuse/handlers.h"

namespace unionfs::handlers {

Status lookup(Call& call) {
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  TRY_ASSIGN(const MaybeEntry entry, call.overlay().lookup(call.node(), name));
  call.reply.put(entry ? encodeEntry(*entry, call.connection.validity) : encodeAbsence(call.connection.validity));
  return success();
}

Status forget(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::ForgetIn>());
  call.overlay().forget(call.node(), in.nlookup);
  return success();
}

Status batchForget(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::BatchForgetIn>());
  for (uint32_t i = 0; i < in.count; ++i) {
    TRY_ASSIGN(const auto one, call.arguments.take<abi::ForgetOne>());
    call.overlay().forget(one.nodeid, one.nlookup);
  }
  return success();
}

Status readdir(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::ReadIn>());
  DirPacker packer(call.reply.large().first(std::min<size_t>(in.size, call.reply.large().size())));
  TRY(call.overlay().readdir(call.node(), in.offset, [&](const DirEntry& entry) { return packer.add(entry); }));
  call.reply.putBytes(packer.bytes());
  return success();
}

Status readdirplus(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::ReadIn>());
  DirPacker packer(call.reply.large().first(std::min<size_t>(in.size, call.reply.large().size())), call.connection.validity);
  TRY(call.overlay().readdirPlus(call.node(), in.offset,
                                 [&](const DirEntry& entry, const Entry* resolved) { return packer.addPlus(entry, resolved); }));
  call.reply.putBytes(packer.bytes());
  return success();
}

}  // namespace unionfs::handlers

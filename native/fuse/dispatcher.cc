// dispatcher.cc - the way of a message through the table.
#include "fuse/dispatcher.h"

#include <chrono>
#include <exception>

#include "base/log.h"
#include "fuse/notify.h"

namespace unionfs {
namespace {

using Clock = std::chrono::steady_clock;

// The kernel refuses replies with an errno from here on, and the program would wait for ever.
constexpr int kErrnoLimit = 512;

Status sendParts(const Channel& channel, uint64_t unique, int errnoValue, std::span<const std::byte> first,
                 std::span<const std::byte> second) {
  const abi::OutHeader header{
      .len = static_cast<uint32_t>(sizeof(abi::OutHeader) + first.size() + second.size()), .error = -errnoValue, .unique = unique};
  std::array<iovec, 3> parts{partOf(std::as_bytes(std::span(&header, 1)))};
  size_t count = 1;
  if (!first.empty()) parts[count++] = partOf(first);
  if (!second.empty()) parts[count++] = partOf(second);
  return channel.send(std::span(parts).first(count));
}

// A header is all that is needed to refuse a message; without one nobody can be answered.
void refuse(std::span<const std::byte> message, const Channel& channel) {
  log::write(log::Level::error, "malformed message", {{"bytes", message.size()}});
  abi::InHeader header;
  if (message.size() < sizeof header) return;
  std::memcpy(&header, message.data(), sizeof header);
  const OpcodeRow* row = findOpcode(header.opcode);
  if (row != nullptr && row->reply == ReplyRule::none) return;
  sendAnswer(channel, header.unique, EINVAL);
}

// Attributes alone are dropped, which waits for nothing.
void tellStale(Overlay& overlay, const Channel& channel) {
  for (const NodeId node : overlay.takeStaleAttributes()) {
    const Status told = Notifier(channel).invalidateAttributes(node);
    if (!told) log::write(log::Level::warn, "stale attributes in the kernel", {{"node", node}, {"errno", told.error().value()}});
  }
}

}  // namespace

void sendAnswer(const Channel& channel, uint64_t unique, int errnoValue, std::span<const std::byte> first,
                std::span<const std::byte> second) {
  const Status sent = errnoValue == 0 ? sendParts(channel, unique, 0, first, second) : sendParts(channel, unique, errnoValue, {}, {});
  // ENOENT: the request was given up. ENODEV, EPIPE: there is no mount any more.
  if (sent || sent.failsWith(ENOENT) || sent.failsWith(ENODEV) || sent.failsWith(EPIPE)) return;
  log::write(log::Level::error, "reply refused by the kernel", {{"unique", unique}, {"errno", sent.error().value()}});
  const Status again = sendParts(channel, unique, EIO, {}, {});
  if (!again) log::write(log::Level::error, "request left without a reply", {{"unique", unique}});
}

int Dispatcher::run(const OpcodeRow& row, Call& call) {
  const size_t least = size_t{row.minimum} + size_t{row.names} * 2;  // a name is a byte and its NUL at least
  if (call.arguments.size() < least) return EINVAL;
  // No code of ours throws, but what it is made of may (std::bad_alloc). Unwinding has given every lock back.
  try {
    const Status done = row.handler(call);
    if (done) return 0;
    const int value = done.error().value();
    if (value > 0 && value < kErrnoLimit && value != EIO) return value;
    log::write(log::Level::warn, "operation failed", {{"op", row.name}, {"node", call.node()}, {"errno", value}});
  } catch (const std::exception& error) {
    log::write(log::Level::error, "operation ended by an exception", {{"op", row.name}, {"node", call.node()}, {"what", error.what()}});
  }
  return EIO;
}

void Dispatcher::serve(std::span<const std::byte> message, const Channel& channel, std::span<std::byte> large, InFlight::Slot& slot) {
  const auto begin = Clock::now();
  auto request = Request::parse(message);
  if (!request) return refuse(message, channel);
  const OpcodeRow* row = findOpcode(request->opcode());
  if (row == nullptr) return sendAnswer(channel, request->unique(), ENOSYS);

  Reply reply(large);
  Call call{connection_, *request, request->arguments(), reply, channel};
  const bool answers = row->reply != ReplyRule::none;
  if (answers) request->watchInterrupt(slot.begin(request->unique()));
  const int errnoValue = run(*row, call);
  if (answers) {
    slot.end();
    tellStale(connection_.overlay, channel);
  }
  // Not after the answer: whoever waited for it may run first, on this core (deference.h).
  const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin);
  // ENOSYS tells the kernel not to ask; it is no failure.
  histograms_[request->opcode()].record(static_cast<uint64_t>(spent.count()), errnoValue != 0 && errnoValue != ENOSYS);
  if (answers && (errnoValue != 0 || !reply.deferred())) sendAnswer(channel, request->unique(), errnoValue, reply.small(), reply.bytes());
}

std::map<std::string, LatencySummary> Dispatcher::statistics() const {
  std::map<std::string, LatencySummary> out;
  for (size_t opcode = 0; opcode < histograms_.size(); ++opcode) {
    if (histograms_[opcode].count() == 0) continue;
    out.emplace(kOpcodes[opcode].name, histograms_[opcode].summary());
  }
  return out;
}

}  // namespace unionfs

// session.cc - a mount and the server behind it, from the first message to the last thread.
#include "fuse/session.h"

#include <linux/capability.h>

#include <thread>

#include "base/log.h"
#include "fuse/mount.h"
#include "fuse/server.h"
#include "sys/creds.h"
#include "sys/mounting.h"

namespace unionfs {
namespace {

// How long a session that is destroyed waits for the kernel to end the connection by itself. Longer means that
// programs still hold files of the mount; the connection is then cut.
constexpr auto kEndPatience = std::chrono::seconds(2);

// As much as one READ can carry. The kernel grants 128 KiB, whatever INIT asks for.
constexpr unsigned kReadaheadKib = kMaxWrite >> 10;

Validity validityOf(double timeout) {
  constexpr double kBillion = 1e9;
  if (timeout < 0 || timeout >= static_cast<double>(kForeverSeconds)) return {};
  const auto seconds = static_cast<uint64_t>(timeout);
  return {.seconds = seconds, .nanoseconds = static_cast<uint32_t>((timeout - static_cast<double>(seconds)) * kBillion)};
}

ServerOptions serverOptions(const MountOptions& options) {
  return {.io = options.io,
          .readOnly = options.readOnly,
          .initialAdmin = sys::inInitialUserNamespace() && sys::hasCapability(CAP_SYS_ADMIN),
          .maxThreads = options.maxThreads,
          .writeback = options.writeback,
          .acl = options.acl,
          .xattrs = options.xattrs,
          .silentXattrs = options.silentXattrs,
          .validity = validityOf(options.timeout)};
}

// Nobody is to wait for threads that will serve no more. Where the kernel does not let us, the last descriptor does it, a
// moment later.
void cut(uint64_t connection) {
  const Status done = sys::abortConnection(connection);
  if (!done) log::write(log::Level::debug, "the connection ends with its last descriptor", {{"errno", done.error().value()}});
}

}  // namespace

struct Session::State {
  std::unique_ptr<MountPoint> place;
  std::unique_ptr<Server> server;
  std::mutex mu;  // one unmount at a time; guards `place`
};

std::unique_ptr<Session> Session::mount(std::shared_ptr<Overlay> overlay, const MountOptions& options, OnEnd onEnd, MountError& error) {
  auto state = std::make_unique<State>();
  Channel channel;
  state->place = MountPoint::mount(options, channel, error);
  if (!state->place) return nullptr;
  // On one core nothing would be gained by it.
  const Status ahead = std::thread::hardware_concurrency() > 1 ? overlay->readAhead() : success();
  if (!ahead) log::write(log::Level::warn, "no directory is read ahead", {{"errno", ahead.error().value()}});
  auto server = Server::create(std::move(overlay), std::move(channel), serverOptions(options), error.detail);
  if (!server) {
    error.error = server.error();
    error.syscall = "FUSE_INIT";
    return nullptr;
  }
  state->server = std::move(*server);
  const Status wide = sys::setReadahead(state->place->connection(), kReadaheadKib);
  if (!wide) log::write(log::Level::debug, "the kernel's own readahead is kept", {{"errno", wide.error().value()}});
  const Status started = state->server->start(std::move(onEnd));
  if (!started) {
    error = {.error = started.error(), .syscall = "start of the serving threads", .detail = {}};
    return nullptr;
  }
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}

Session::~Session() {
  // Of a connection that has ended, what is in the table at its place is none of ours to take out.
  if (state_->server->threads() > 0 && !state_->server->hasEnded()) {
    const Status gone = unmount(true);
    if (!gone && !gone.failsWith(EINVAL)) log::write(log::Level::warn, "not unmounted", {{"errno", gone.error().value()}});
    if (!state_->server->waitEnd(kEndPatience)) cut(state_->place->connection());
  }
  state_->server->stop();
  state_->place->forget();
}

Status Session::unmount(bool lazy) {
  const std::lock_guard lock(state_->mu);
  return state_->place->unmount(lazy);
}

SessionInfo Session::info() const {
  const Negotiated& agreed = state_->server->agreed();
  return {.io = agreed.io,
          .ioReason = state_->server->ioReason(),
          .protocolMinor = agreed.minor,
          .connection = state_->place->connection(),
          .viaFusermount = state_->place->viaHelper()};
}

std::map<std::string, OperationStats> Session::operations() const {
  std::map<std::string, OperationStats> out;
  for (const auto& [name, summary] : state_->server->statistics()) {
    out.emplace(name, OperationStats{.count = summary.count,
                                     .errors = summary.errors,
                                     .p50 = summary.p50,
                                     .p90 = summary.p90,
                                     .p99 = summary.p99,
                                     .max = summary.max,
                                     .total = summary.total});
  }
  return out;
}

unsigned Session::threads() const { return state_->server->threads(); }
const Overlay& Session::overlay() const { return state_->server->overlay(); }

}  // namespace unionfs

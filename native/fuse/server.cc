// server.cc - the INIT exchange and the wiring of the parts.
#include "fuse/server.h"

namespace unionfs {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct FirstMessage {
  uint64_t unique = 0;
  abi::InitIn in{};
};

Result<FirstMessage> parseInit(std::span<const std::byte> message) {
  TRY_ASSIGN(const Request request, Request::parse(message));
  if (request.opcode() != abi::kInit) return Errno(EPROTO);
  FirstMessage first{.unique = request.unique()};
  Arguments arguments = request.arguments();
  const size_t size = std::min(sizeof(abi::InitIn), std::max(arguments.size(), abi::kInitInOldSize));
  TRY_ASSIGN(first.in, arguments.take<abi::InitIn>(size));
  return first;
}

Result<FirstMessage> receiveInit(const Channel& channel, milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  // The device refuses a read into less than the kernel's smallest buffer; INIT itself is far below it.
  std::vector<std::byte> buffer(kReadBufferSize);
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Errno(ETIMEDOUT);
    const auto readable = sys::waitReadable(channel.fd(), static_cast<int>(left.count()));
    if (!readable && !readable.failsWith(EINTR)) return readable.error();
    if (!readable || !*readable) continue;
    const auto received = channel.receive(buffer);
    if (received.state == Channel::Received::State::ended) return received.error;
    if (received.state == Channel::Received::State::message) return parseInit(std::span(buffer).first(received.size));
  }
}

void refuseInit(const Channel& channel, uint64_t unique) { sendAnswer(channel, unique, EPROTO); }

}  // namespace

Server::Server(std::shared_ptr<Overlay> overlay, Channel channel, const ServerOptions& options, const Negotiated& agreed,
               std::string ioReason)
    : overlay_(std::move(overlay)),
      connection_{.overlay = *overlay_, .inFlight = inFlight_, .agreed = agreed},
      dispatcher_(connection_),
      ioReason_(std::move(ioReason)),
      workers_(std::make_unique<Workers>(
          std::move(channel),
          [this](std::span<const std::byte> message, const Channel& from, std::span<std::byte> spare, InFlight::Slot& slot) {
            dispatcher_.serve(message, from, spare, slot);
          },
          inFlight_, WorkerLimits{.threads = options.maxThreads}, kReadBufferSize)) {
  if (agreed.io == IoMode::passthrough) backing_ = std::make_unique<BackingMap>(*overlay_, workers_->device());
  if (agreed.has(abi::init::kWritebackCache)) overlay_->leaveTimesToKernel();
  const bool mayBeDirty = agreed.has(abi::init::kWritebackCache) && !options.readOnly;
  if (mayBeDirty) seeker_ = std::make_unique<DataSeeker>(*overlay_);
  connection_.validity = options.validity;
  connection_.xattrs = options.xattrs;
  connection_.backing = backing_.get();
  connection_.seeker = seeker_.get();
  if (options.readOnly && options.silentXattrs) silence_ = std::make_unique<XattrSilence>(*overlay_);
  connection_.silence = silence_.get();
}

Server::~Server() { stop(); }

void Server::stop() {
  // In this order: what the seek thread waits for may be WRITEs, which workers serve.
  if (seeker_) seeker_->stop();
  workers_->stop();
  if (silence_) silence_->stop();
}

Result<std::unique_ptr<Server>> Server::create(std::shared_ptr<Overlay> overlay, Channel channel, const ServerOptions& options,
                                               std::string& detail) {
  const auto first = receiveInit(channel, options.initPatience);
  if (!first) {
    detail = "the kernel did not begin the connection";
    return first.error();
  }
  const auto offer = readOffer(first->in);
  if (!offer) {
    detail = "the kernel speaks FUSE " + std::to_string(first->in.major) + "." + std::to_string(first->in.minor) + ", needed is 7." +
             std::to_string(abi::kOldestMinor) + " or newer";
    refuseInit(channel, first->unique);
    return offer.error();
  }
  const IoChoice choice = chooseIoMode(options.io, *offer, options.initialAdmin);
  if (!choice.possible) {
    detail = choice.reason;
    refuseInit(channel, first->unique);
    return Errno(EOPNOTSUPP);
  }
  const Negotiated agreed =
      negotiate(*offer, {.io = choice.mode, .acl = options.acl && options.xattrs && overlay->hasAcl(), .writeback = options.writeback});
  const abi::InitOut out = encodeInit(*offer, agreed);
  auto server = std::unique_ptr<Server>(new Server(std::move(overlay), std::move(channel), options, agreed, choice.reason));
  sendAnswer(server->workers_->device(), first->unique, 0, std::as_bytes(std::span(&out, 1)));
  return server;
}

}  // namespace unionfs

// server.h - everything that serves one connection, whoever plays the kernel at its other end.
//
// A session puts a server behind a mount; tests put one behind a socket.
#pragma once

#include <memory>

#include "fuse/dispatcher.h"
#include "fuse/seek.h"
#include "fuse/workers.h"
#include "fuse/xattr_silence.h"

namespace unionfs {

struct ServerOptions {
  IoMode io = IoMode::automatic;
  bool readOnly = false;
  bool initialAdmin = false;  // the process is privileged in the initial user namespace
  unsigned maxThreads = 4;
  bool writeback = true, acl = true, xattrs = true, silentXattrs = false;
  Validity validity{};
  std::chrono::milliseconds initPatience{10'000};
};

class Server {
 public:
  // Answers INIT on `channel`, waiting for it a bounded time. On failure `detail` says what is wrong.
  static Result<std::unique_ptr<Server>> create(std::shared_ptr<Overlay> overlay, Channel channel, const ServerOptions& options,
                                                std::string& detail);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Status start(Workers::OnEnd onEnd) { return workers_->start(std::move(onEnd)); }
  bool waitEnd(std::chrono::milliseconds time) { return workers_->waitEnd(time); }
  // Ends all threads. The connection dies with the server's last descriptor.
  void stop();

  [[nodiscard]] const Negotiated& agreed() const { return connection_.agreed; }
  [[nodiscard]] const std::string& ioReason() const { return ioReason_; }
  [[nodiscard]] std::map<std::string, LatencySummary> statistics() const { return dispatcher_.statistics(); }
  [[nodiscard]] unsigned threads() const { return workers_->threads(); }
  [[nodiscard]] bool hasEnded() const { return workers_->hasEnded(); }
  [[nodiscard]] Overlay& overlay() const { return *overlay_; }
  [[nodiscard]] size_t backings() const { return backing_ ? backing_->size() : 0; }

 private:
  Server(std::shared_ptr<Overlay> overlay, Channel channel, const ServerOptions& options, const Negotiated& agreed, std::string ioReason);

  std::shared_ptr<Overlay> overlay_;
  InFlight inFlight_;
  Connection connection_;
  Dispatcher dispatcher_;
  std::string ioReason_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<BackingMap> backing_;
  std::unique_ptr<DataSeeker> seeker_;
  std::unique_ptr<XattrSilence> silence_;
};

}  // namespace unionfs

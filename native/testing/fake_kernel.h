// fake_kernel.h - plays the kernel's side of /dev/fuse over a socket pair: no root, no device, any sanitizer.
//
// Requests may be sent from many threads at once; each waits for its own answer. What the server sends unasked goes to
// a handler, which may send requests itself, as the kernel does.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "fuse/server.h"

namespace unionfs::testing {

using Bytes = std::vector<std::byte>;

// The arguments of a message, put together piece by piece.
class Message {
 public:
  template <typename T>
  Message& add(const T& value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  // Text with its NUL.
  Message& name(std::string_view text);
  Message& data(std::string_view text);
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

struct Answer {
  static constexpr int kNone = -1;  // nothing came within the time
  int error = kNone;                // positive errno, or 0
  Bytes data;

  [[nodiscard]] bool ok() const { return error == 0; }
  template <typename T>
  [[nodiscard]] T as() const {
    T value{};
    std::memcpy(&value, data.data(), std::min(sizeof value, data.size()));
    return value;
  }
  [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(data.data()), data.size()}; }
};

// One entry of a READDIR or READDIRPLUS answer.
struct ListedEntry {
  std::string name;
  uint64_t ino = 0, cookie = 0, node = 0;  // node: READDIRPLUS only, 0 for "." and ".."
  uint32_t type = 0;
};
std::vector<ListedEntry> parseListing(const Bytes& data, bool plus);

class FakeKernel {
 public:
  using OnNotify = std::function<void(int32_t code, const Bytes& body)>;
  static constexpr std::chrono::milliseconds kPatience{10'000};
  static constexpr uint64_t kEveryFlag = ~uint64_t{0};

  FakeKernel();
  ~FakeKernel();
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  // The server's end, to be taken once.
  Channel takeChannel() { return std::move(serverEnd_); }
  // Before takeChannel's user waits for it. The answer comes as that of any request.
  uint64_t sendInit(uint64_t offeredFlags = kEveryFlag, uint32_t minor = abi::kMinor);

  uint64_t send(uint32_t opcode, NodeId node, const Message& message = {}, uid_t uid = 0, gid_t gid = 0);
  // Exactly these bytes.
  void sendRaw(const Bytes& bytes);
  Answer receive(uint64_t unique, std::chrono::milliseconds patience = kPatience);
  Answer call(uint32_t opcode, NodeId node, const Message& message = {}) { return receive(send(opcode, node, message)); }
  void onNotify(OnNotify handler);
  // The unmount.
  void close();

  // The common requests.
  Answer lookup(NodeId parent, std::string_view name) { return call(abi::kLookup, parent, Message().name(name)); }
  // The node of a name, 0 when it is absent.
  NodeId find(NodeId parent, std::string_view name);
  Answer create(NodeId parent, std::string_view name, uint32_t mode = 0100644);
  Answer mkdir(NodeId parent, std::string_view name, uint32_t mode = 0755);
  Answer getattr(NodeId node) { return call(abi::kGetattr, node, Message().add(abi::GetattrIn{})); }
  Answer read(NodeId node, uint64_t offset, uint32_t size);
  Answer write(NodeId node, uint64_t offset, std::string_view text);
  // The whole directory, with as many requests of `size` bytes as it takes.
  std::vector<ListedEntry> list(NodeId dir, bool plus, uint32_t size = 4096);
  void forget(NodeId node, uint64_t count);

 private:
  void receiveLoop();

  Fd kernelEnd_;
  Channel serverEnd_;
  std::mutex mu_;
  std::condition_variable arrived_;
  uint64_t nextUnique_ = 2;             // guarded by mu_
  std::map<uint64_t, Answer> answers_;  // guarded by mu_
  bool closed_ = false;                 // guarded by mu_
  OnNotify onNotify_;                   // guarded by mu_
  std::thread receiver_;
};

// A server on `overlay` behind a fake kernel, INIT done.
class ServedOverlay {
 public:
  explicit ServedOverlay(std::shared_ptr<Overlay> overlay, ServerOptions options = {}, uint64_t offeredFlags = FakeKernel::kEveryFlag);
  ~ServedOverlay();

  [[nodiscard]] bool ok() const { return server_ != nullptr; }
  FakeKernel& kernel() { return kernel_; }
  FakeKernel* operator->() { return &kernel_; }
  Server& server() { return *server_; }
  [[nodiscard]] const abi::InitOut& init() const { return init_; }

 private:
  FakeKernel kernel_;
  std::unique_ptr<Server> server_;
  abi::InitOut init_{};
};

}  // namespace unionfs::testing

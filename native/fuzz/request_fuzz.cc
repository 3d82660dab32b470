// request_fuzz.cc - messages of a hostile kernel against the dispatcher, every handler and the engine behind them.
//
// Input: a byte of options, then messages, each behind its length in two bytes. With option 1 the header of each is made
// plausible (length, unique, a node id that exists), so that arguments and names are what is searched, not the header.
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "base/log.h"
#include "fuse/dispatcher.h"
#include "layer/stack.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

constexpr size_t kMessagesPerInput = 32;
constexpr unsigned kInputsPerWorld = 256;
constexpr uint64_t kNodesInUse = 8;
constexpr size_t kReplySpace = 16384;

// A hostile fallocate must not fill the disk it runs on.
constexpr rlim_t kLargestFile = 16 << 20;

// A small union in a temporary directory, and a dispatcher whose replies go nowhere.
class World {
 public:
  World() {
    std::string pattern = (fs::temp_directory_path() / "unionfs-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) fail("no temporary directory");
    dir_ = pattern;
    for (const char* name : {"lower/dir", "upper", "work"}) fs::create_directories(dir_ / name);
    std::ofstream(dir_ / "lower/file") << "content";
    std::ofstream(dir_ / "lower/dir/inner") << "more";
    StackError error;
    auto stack = LayerStack::open(
        {.lowers = {(dir_ / "lower").string()}, .upper = (dir_ / "upper").string(), .workdir = (dir_ / "work").string()}, error);
    if (!stack) fail(error.what.c_str());
    auto overlay = Overlay::open(std::move(stack), {});
    if (!overlay) fail("no overlay");
    overlay_ = std::move(*overlay);
    auto ends = sys::messageSocketPair();
    if (!ends) fail("no socket pair");
    kernelEnd_ = std::move(ends->first);
    channel_ = Channel(std::move(ends->second), Channel::Kind::socket);
    connection_ = std::make_unique<Connection>(Connection{
        .overlay = *overlay_,
        .inFlight = inFlight_,
        .agreed = negotiate({.minor = abi::kMinor, .maxReadahead = 0, .flags = ~uint64_t{0}}, {.io = IoMode::cached, .acl = true})});
    dispatcher_ = std::make_unique<Dispatcher>(*connection_);
  }
  ~World() {
    dispatcher_.reset();
    overlay_.reset();
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void serve(std::span<const std::byte> message) {
    dispatcher_->serve(message, channel_, spare_, inFlight_.slot(0));
    while (sys::waitReadable(kernelEnd_, 0).value()) {
      if (!sys::readMessage(kernelEnd_, drain_)) return;
    }
  }

 private:
  [[noreturn]] static void fail(const char* why) {
    std::fprintf(stderr, "request_fuzz: %s\n", why);
    std::abort();
  }

  fs::path dir_;
  std::unique_ptr<Overlay> overlay_;
  InFlight inFlight_;
  Fd kernelEnd_;
  Channel channel_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::byte> spare_ = std::vector<std::byte>(kReplySpace);
  std::vector<std::byte> drain_ = std::vector<std::byte>(2 * kReplySpace);
};

// What a hostile message could do to the machine it is searched on, beyond its own directory: fill the disk, or make
// files immutable so that nobody can remove them.
void restrain() {
  const rlimit limit{.rlim_cur = kLargestFile, .rlim_max = kLargestFile};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, SIG_IGN);
  __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &head, sets.data()) != 0) return;
  constexpr uint32_t kImmutable = 1U << CAP_LINUX_IMMUTABLE;
  sets[0].effective &= ~kImmutable;
  sets[0].permitted &= ~kImmutable;
  ::syscall(SYS_capset, &head, sets.data());
}

World& world() {
  static std::unique_ptr<World> current;
  static unsigned inputs = 0;
  if (!current) {
    log::setSink([](const log::Record&) {});
    restrain();
  }
  if (!current || ++inputs % kInputsPerWorld == 0) current = std::make_unique<World>();
  return *current;
}

void makePlausible(std::vector<std::byte>& message, uint64_t unique) {
  if (message.size() < sizeof(abi::InHeader)) message.resize(sizeof(abi::InHeader));
  abi::InHeader header;
  std::memcpy(&header, message.data(), sizeof header);
  header.len = static_cast<uint32_t>(message.size());
  header.opcode %= static_cast<uint32_t>(abi::kOpcodeLimit);
  header.unique = unique;
  header.nodeid = header.nodeid % kNodesInUse + kRootNode;
  header.total_extlen = 0;
  std::memcpy(message.data(), &header, sizeof header);
}

}  // namespace
}  // namespace unionfs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace unionfs;
  if (size < 1) return 0;
  const bool plausible = (data[0] & 1) != 0;
  auto rest = std::as_bytes(std::span(data, size)).subspan(1);
  for (size_t count = 1; count <= kMessagesPerInput && rest.size() >= 2; ++count) {
    const size_t claimed = std::to_integer<size_t>(rest[0]) | (std::to_integer<size_t>(rest[1]) << 8);
    const size_t length = std::min(claimed, rest.size() - 2);
    std::vector<std::byte> message(rest.begin() + 2, rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
    if (plausible) makePlausible(message, count * 2);
    world().serve(message);
    rest = rest.subspan(2 + length);
  }
  return 0;
}

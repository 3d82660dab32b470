// xattr_silence.cc - see xattr_silence.h.
#include "fuse/xattr_silence.h"

#include "base/log.h"

namespace unionfs {
namespace {

// Fewer are answered sooner than a layer is looked through.
constexpr unsigned kWorthwhile = 256;
// Files of one layer, some seconds of a processor.
constexpr size_t kMostFiles = 1'000'000;

}  // namespace

void XattrSilence::noteAbsence() {
  if (absences_.load(std::memory_order_relaxed) >= kWorthwhile || absences_.fetch_add(1) + 1 != kWorthwhile) return;
  auto thread = sys::Thread::start([this] { look(); });
  if (thread) thread_ = std::move(*thread);  // without one, the kernel goes on asking
}

void XattrSilence::look() {
  const auto shown =
      overlay_.showsXattrs([this](size_t asked) { return !stopping_.load(std::memory_order_relaxed) && asked < kMostFiles; });
  if (!shown) {
    log::write(log::Level::debug, "whether files have extended attributes is not known", {{"errno", shown.error().value()}});
    return;
  }
  log::write(log::Level::debug, *shown ? "files have extended attributes" : "no file has extended attributes", {});
  holds_.store(!*shown, std::memory_order_release);
}

void XattrSilence::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  thread_.join();
}

}  // namespace unionfs

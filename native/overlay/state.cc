#include "overlay/state.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include "base/log.h"
#include "index/record_store.h"
#include "overlay/hardlink.h"
#include "overlay/locate.h"
#include "sys/creds.h"
#include "sys/io.h"
#include "sys/stat.h"

namespace unionfs {

namespace {

// An inode that goes takes along what others hold of it.
void dropCached(OverlayState& state, Inode& inode) {
  if (inode.isDir()) {
    for (const LayerIndex layer : inode.dir->layers) state.dirFds.drop({inode.id, layer});
    if (inode.dir->index) state.listings.drop(inode.id);
  } else {
    state.dataFds.drop({inode.id, 0});
  }
  forgetSettling(state, inode);
  if (inode.pin) {
    inode.pin.reset();  // before it is counted as gone, or who waits for its space would give up too early
    state.pins.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!inode.orphanName.empty()) state.work().discard(inode.orphanName);
  if (inode.successor) inode.successor->hasTwin.store(false);
}

// Nodes whose attributes this thread changed behind the kernel's back. In a list for all threads, one could
// take another's and tell the kernel too late for the other's answer.
struct StaleHere {
  uint64_t overlay = 0;  // its serial
  std::vector<NodeId> nodes;
};
thread_local StaleHere staleHere;

std::atomic<uint64_t> nextSerial{1};

}  // namespace

OverlayState::OverlayState(std::shared_ptr<LayerStack> layers, OverlayOptions opts)
    : stack(std::move(layers)),
      options(opts),
      dirFds(opts.fdBudget / 2),
      dataFds(opts.fdBudget / 4),
      listings(opts.listingBytes),
      serial(nextSerial.fetch_add(1)),
      table([this](Inode& inode) { dropCached(*this, inode); }) {
  for (LayerIndex layer = stack->firstIndex(); layer < stack->size(); ++layer)
    keepsOwners |= static_cast<bool>(stack->layer(layer).overrides());
  canOpenByHandle = sys::hasCapability(CAP_DAC_READ_SEARCH) && sys::inInitialUserNamespace();
}

bool OverlayState::isSealed(LayerIndex layer) const {
  return layer != kUpperLayer && options.records && options.records->trust(layer) == LayerTrust::sealed;
}

OverlayState::~OverlayState() {
  ahead.stop();
  if (options.isVolatile && options.marksVolatile && stack->writable() && sys::syncFs(stack->upper().root()).ok()) {
    const auto cleared = work().clearVolatile();
    if (!cleared.ok()) log::write(log::Level::warn, "the volatile mark stays in the work directory", {{"errno", cleared.error().value()}});
  }
  unsettled.clear();
  kept.clear();
  prepared.clear();
}

Status OverlayState::requireWritable() const {
  if (!stack->writable() || upperBroken.load(std::memory_order_relaxed)) return Errno(EROFS);
  return success();
}

Errno OverlayState::noteUpperError(Errno error, const char* what) {
  if (error == EIO && !upperBroken.exchange(true)) {
    log::write(log::Level::error, "the upper failed; the mount is read-only from now on",
               {{"what", what}, {"upper", stack->upper().path()}, {"errno", error.value()}});
  }
  return error;
}

Status OverlayState::noteUpper(Status status, const char* what) {
  if (!status.ok()) return noteUpperError(status.error(), what);
  return status;
}

Status OverlayState::sync(int fd, bool dataOnly, const char* what) {
  constexpr auto kNoTime = std::chrono::microseconds(30);
  if (syncsWait.load(std::memory_order_relaxed)) aboutToBlock();
  const auto begun = std::chrono::steady_clock::now();
  const Status synced = sys::fsync(fd, dataOnly);
  const bool waited = std::chrono::steady_clock::now() - begun > kNoTime;
  if (syncsWait.load(std::memory_order_relaxed) != waited) syncsWait.store(waited, std::memory_order_relaxed);
  return noteUpper(synced, what);
}

void OverlayState::waitForRoom() {
  aboutToBlock();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

void OverlayState::awaitRoom() const {
  constexpr uint64_t kNextToNone = 1 << 20;
  for (int wait = 0; wait < kFullWaits && pins.load(std::memory_order_relaxed) > 0; ++wait) {
    const auto fs = sys::statFs(stack->upper().root());
    if (!fs.ok() || fs->bavail >= kNextToNone / fs->frsize) return;
    waitForRoom();
  }
}

void OverlayState::noteStale(const Inode& inode) const {
  if (staleHere.overlay != serial) staleHere = {serial, {}};
  if (staleHere.nodes.empty() || staleHere.nodes.back() != inode.id) staleHere.nodes.push_back(inode.id);
}

std::vector<NodeId> OverlayState::takeStale() const {
  if (staleHere.overlay != serial) return {};
  return std::exchange(staleHere.nodes, {});
}

Result<InodeRef> OverlayState::findDir(NodeId id) {
  TRY_ASSIGN(InodeRef inode, table.find(id));
  if (!inode->isDir()) return Errno(ENOTDIR);
  return inode;
}

}  // namespace unionfs

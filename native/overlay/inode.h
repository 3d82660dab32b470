// inode.h - one file or directory of the union, and where its real parts are.
//
// An Inode lives while the kernel counts lookups of it, a child names it as parent, or a verb works on it. What it is
// (type, inode number) never changes; where it is does: a copy-up moves `layer` to the upper, once.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "index/dir_index.h"
#include "layer/stack.h"
#include "overlay/known_records.h"
#include "overlay/types.h"
#include "sys/fd.h"
#include "sys/stat.h"

namespace unionfs {

using FdRef = std::shared_ptr<const Fd>;

class Inode;
class InodeTable;

// Counted reference. The last one removes the inode from its table.
class InodeRef {
 public:
  InodeRef() = default;
  InodeRef(const InodeRef& other);
  InodeRef(InodeRef&& other) noexcept : inode_(std::exchange(other.inode_, nullptr)) {}
  InodeRef& operator=(InodeRef other) noexcept {
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~InodeRef();

  // Another reference to an inode somebody holds.
  static InodeRef of(Inode& inode);

  [[nodiscard]] Inode* get() const { return inode_; }
  Inode& operator*() const { return *inode_; }
  Inode* operator->() const { return inode_; }
  explicit operator bool() const { return inode_ != nullptr; }
  friend bool operator==(const InodeRef& a, const InodeRef& b) { return a.inode_ == b.inode_; }

 private:
  friend class InodeTable;
  explicit InodeRef(Inode* counted) : inode_(counted) {}
  Inode* inode_ = nullptr;
};

// Identity of a real file. Lowers are told apart even on one filesystem: hard links unite names of one layer only.
struct RealKey {
  uint64_t ino = 0;
  dev_t dev = 0;
  LayerIndex layer = 0;
  friend bool operator==(const RealKey&, const RealKey&) = default;
};

enum class LinkState {
  // Only a lower has the file under this name: that of a file no change has copied up, or of a hard link whose inode was
  // copied up under another name, and which hardlink.h makes `upper`.
  lower,
  // The upper has the file under this name.
  upper,
  // The union no longer shows the name; it only still leads to the lower's file.
  gone,
};

// One name of an inode.
struct Link {
  InodeRef parent;
  std::string name;
  LinkState state = LinkState::lower;
};

// Attributes of a lower's file, read before they were asked for (walk_ahead.h).
struct StatAhead {
  uint64_t cookie = 0;  // of its name in the index
  LayerIndex layer = 0;
  sys::Stat stat;
};

struct DirState {
  std::shared_mutex mu;

  // Guarded by mu.
  std::vector<LayerIndex> layers;           // that have the directory, top first
  std::vector<LayerIndex> impureLowers;     // of them, lowers that hold copies, as uppers of earlier times
  std::vector<LayerIndex> xattrWhiteoutIn;  // of them, those whose files may be xattr whiteouts
  std::unique_ptr<DirIndex> index;          // null until it pays to read the directory
  bool indexFromBirth = false;              // it began empty, with the directory
  std::vector<StatAhead> ahead;             // by cookie; of files the index finds in that layer, and only while it does
  KnownRecords known;                       // begun before anybody sees the directory; its slots guard themselves
  size_t indexBytes = 0;                    // what the budget knows the index to weigh
  std::atomic<uint32_t> probed{0};          // what lookups without an index have cost (listing.cc)
  std::atomic<uint32_t> readingCost{0};     // what reading the directory would cost; 0: not yet estimated
  std::atomic<uint64_t> indexUsed{0};       // when the index was last used (listing_budget.h)

  // Set under mu, read without: they only go from false to true.
  std::atomic<bool> hasUpper{false};
  std::atomic<bool> hasLower{false};  // merges or is a lower directory: it cannot be renamed
  std::atomic<bool> merged{false};    // more than one layer has it: its links are not counted
  std::atomic<bool> impure{false};    // holds copies, whose inode numbers come from their origins
  std::atomic<bool> removed{false};   // rmdir'ed: nothing can be created in it
};

class Inode {
 public:
  Inode(InodeTable& owner, NodeId nodeId, mode_t fileType, uint64_t unionIno, LayerIndex top)
      : table(owner), id(nodeId), type(fileType & S_IFMT), ino(unionIno), layer(top) {
    if (type == S_IFDIR) dir = std::make_unique<DirState>();
  }
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;

  [[nodiscard]] bool isDir() const { return dir != nullptr; }
  [[nodiscard]] bool isRegular() const { return type == S_IFREG; }
  [[nodiscard]] bool inUpper() const { return layer.load(std::memory_order_acquire) == kUpperLayer; }

  InodeTable& table;
  const NodeId id;
  const mode_t type;                       // S_IFMT bits
  const uint64_t ino;                      // as the union shows it
  std::atomic<LayerIndex> layer;           // of the top real inode
  std::atomic<uint32_t> lowerBackings{0};  // opens the kernel serves from the lower's file (passthrough)
  // The kernel knows the file by two nodes (giveNewIdentity): what it remembers of one, the other changes.
  std::atomic<bool> hasTwin{false};

  SmallMutex copyMu;  // held across a copy-up by the one copier
  // Held while data changes and while times are set, where the kernel keeps the times, and while an xattr that keeps owner and
  // mode is read, changed and written.
  SmallMutex timesMu;

  // Leaf lock of the fields below; no system call inside.
  SmallMutex mu;
  std::vector<Link> links;  // empty for the root, for O_TMPFILE and when all names are gone
  FdRef pin;                // the upper file itself, when no name leads to it (of a directory: for reading)
  std::string orphanName;   // the same without a descriptor: its name in the work directory
  int32_t nlinkDelta = 0;   // union's link count minus the real one (names the upper does not have yet)
  uint64_t upperIno = 0;    // real number of the upper file, to see that a name still means it
  InodeRef successor;       // has the names now; this one stays for who has the lower's file open (giveNewIdentity)

  std::unique_ptr<DirState> dir;  // of directories

 private:
  friend class InodeTable;
  friend class InodeRef;
  // Guarded by the table.
  uint64_t lookups_ = 0;
  std::vector<RealKey> keys_;
  std::atomic<uint32_t> refs_{0};  // goes to 0 only under the table's lock
  Inode* nextGone_ = nullptr;      // of the thread that deletes it (InodeTable::release)
};

// A name of the inode, of a directory the only one; none for the root and when all names are gone.
inline std::optional<Link> oneLinkOf(Inode& inode) {
  const std::lock_guard lock(inode.mu);
  return inode.links.empty() ? std::nullopt : std::optional<Link>(inode.links.front());
}

}  // namespace unionfs

// overlay.h - the union engine: every verb a program can ask of the merged tree. This header is the map of the house.
//
// All verbs may be called from any thread. They work on node ids the kernel holds a lookup count for; an unknown id
// is ESTALE. No verb keeps a lock when it returns, none replies, none calls out under a lock. A log record may be written
// under any lock: log::write puts it in a queue behind a leaf lock of its own, and waits for nobody. Verbs that change the
// tree on a mount without an upper fail with EROFS.
//
// Lock order (take downwards only):
//   Inode::copyMu           held across staging and publishing by the one copier
//     rename_mu_            shared by every verb that walks or changes names; exclusive for rename, so that no ancestor
//                           moves while a path is walked. No DirState::mu is held without it, so exclusive it stands
//                           for all of them
//       DirState::mu        parent before child; never two unrelated directories
//         Inode::timesMu    held while data changes and while times are set, where the kernel keeps the times, and
//                           while an xattr that keeps owner and mode is changed
//           leaves          Inode::mu, inode-table, descriptor caches, listings: no system call inside except close;
//                           WorkDir::whiteoutMutex_, which makes and links the shared whiteout inside
// copyMu comes first because a copy is staged with no other lock held and published under its parent's: file data is
// copied under copyMu alone, and one big copy-up stops nobody but those who wait for that very file.
//
// Files: lookup.cc listing.cc readdir.cc walk_ahead.cc recall.cc | create.cc remove.cc rename.cc names.cc hardlink.cc | copy_up.cc
// metadata.cc | attr.cc xattr.cc file.cc | ino.cc ids.cc locate.cc
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "overlay/ids.h"
#include "overlay/types.h"

namespace unionfs {

class LayerStack;
class Inode;
class RecordStore;
struct OverlayState;

struct OverlayOptions {
  bool isVolatile = false;                 // no fsync anywhere
  bool marksVolatile = true;               // and the work directory says so, until all is on disk
  size_t fdBudget = 4096;                  // descriptors the engine's caches may hold
  size_t listingBytes = 64 << 20;          // memory for directory listings, least recently used go first
  std::shared_ptr<RecordStore> records{};  // what is known of lowers beforehand; null: nothing, and nothing is learned
  Owners owners{};                         // owners as layers store them and as they are shown
  bool staticNlink = false;                // every directory shows link count 1
  bool shortInos = false;                  // inode numbers are cut to 32 bits
};

// Figures `status` shows.
struct OverlayStats {
  uint64_t inodes = 0;
  uint64_t lookups = 0;  // sum of lookup counts
  uint64_t dirFds = 0, fileFds = 0, pinnedFds = 0;
  uint64_t listings = 0, listingBytes = 0;
  uint64_t copyUps = 0, copyUpBytes = 0;
  bool upperBroken = false;
};

// A descriptor of an inode's data, kept open by whoever holds it (passthrough registers it with the kernel).
struct DataFd {
  std::shared_ptr<const class Fd> fd;
  bool onLower = false;
};

class Overlay {
 public:
  static Result<std::unique_ptr<Overlay>> open(std::shared_ptr<LayerStack> stack, OverlayOptions options);
  ~Overlay();
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // --- names: lookup.cc, readdir.cc
  Result<MaybeEntry> lookup(NodeId parent, Name name);
  // Gives back `count` lookup counts. Never fails; unknown ids are ignored. Takes no tree lock.
  void forget(NodeId node, uint64_t count);
  // Entries behind `cookie` (0: from the start, with "." and ".."). Cookies stay valid while the directory changes.
  Status readdir(NodeId dir, uint64_t cookie, const DirSink& sink);
  Status readdirPlus(NodeId dir, uint64_t cookie, const DirPlusSink& sink);

  // --- changes of the tree: create.cc, remove.cc, rename.cc. EEXIST, ENOENT, ENOTEMPTY ... as rename(2) and friends.
  Result<Entry> mknod(const Caller&, NodeId parent, Name name, NewNode node);
  Result<Entry> mkdir(const Caller&, NodeId parent, Name name, mode_t mode);
  Result<Entry> symlink(const Caller&, NodeId parent, Name name, std::string_view target);
  Result<Entry> link(const Caller&, NodeId node, NodeId newParent, Name newName);
  // A regular file that has no name until link() gives it one.
  Result<Entry> tmpfile(const Caller&, NodeId parent, mode_t mode);
  Status unlink(const Caller&, NodeId parent, Name name);
  Status rmdir(const Caller&, NodeId parent, Name name);
  // EXDEV when a directory that lives in or merges a lower would move (redirects are not written).
  Status rename(const Caller&, NodeId parent, Name name, NodeId newParent, Name newName, RenameMode mode);

  // --- attributes: attr.cc, xattr.cc
  Result<Attr> getattr(NodeId node);
  Result<Attr> setattr(const Caller&, NodeId node, const AttrChange& change);
  Result<std::string> readlink(NodeId node);
  Result<StatFs> statfs(NodeId node);
  // ENODATA when absent, EOPNOTSUPP when the layer has none.
  Result<std::string> getxattr(NodeId node, const std::string& name);
  // Names, each ended by NUL; private ones are left out, and "trusted." ones for anyone but root (xattr(7)).
  Result<std::string> listxattr(const Caller&, NodeId node);
  Status setxattr(const Caller&, NodeId node, const std::string& name, std::string_view value, XattrSetMode mode, bool killSgid);
  Status removexattr(const Caller&, NodeId node, const std::string& name);
  // Whether any file of any layer has an xattr that can be seen. Walks them all: any thread, beside serving. `goOn` is asked
  // now and then, with the number of files asked so far in that layer. EINTR when it said no; otherwise a file cannot be asked.
  Result<bool> showsXattrs(const std::function<bool(size_t)>& goOn) const;
  // FS_IOC_GETFLAGS / FS_IOC_SETFLAGS. ENOTTY where the layer has none.
  Result<uint32_t> getFlags(NodeId node);
  Status setFlags(const Caller&, NodeId node, uint32_t flags);

  // --- file data, by node: file.cc. Reading a lower reads it in place; the first change copies up.
  Result<size_t> read(NodeId node, std::span<std::byte> into, uint64_t offset);
  Result<size_t> write(const Caller&, NodeId node, std::span<const std::byte> from, uint64_t offset, WriteOptions options);
  Status fsync(NodeId node, bool dataOnly);
  Status fsyncdir(NodeId node, bool dataOnly);
  Status syncfs();
  Status fallocate(const Caller&, NodeId node, int mode, uint64_t offset, uint64_t length);
  // SEEK_DATA, SEEK_HOLE only.
  Result<uint64_t> lseek(NodeId node, uint64_t offset, int whence);
  Result<size_t> copyFileRange(const Caller&, NodeId from, uint64_t fromOffset, NodeId to, uint64_t toOffset, size_t length);

  // --- passthrough: a descriptor of the data to register with the kernel; copies up first when `flags` writes.
  // ESTALE when the node must be looked up again because it is open on a lower backing (architecture.md 2.3).
  Result<DataFd> openData(const Caller&, NodeId node, OpenFlags flags);
  // The same for an open that would share what is registered already: ESTALE when that is the node's data no more.
  Status mayOpen(NodeId node, OpenFlags flags);
  // The kernel holds (or gave up) a backing on the node's file in a lower. Calls come in pairs.
  void lowerBackingOpened(NodeId node);
  void lowerBackingClosed(NodeId node);

  // All records of the layers are in the store: what takes long to merge is merged now. Takes up to some tenths of a
  // second; any thread, beside serving.
  void prepare() const;

  // From now on directories are read ahead of clients that walk the tree, by a thread of the engine's own. Before the first
  // request. EAGAIN: there can be no thread, and nothing is read ahead.
  Status readAhead();

  // The kernel's write-back cache owns the times of regular files and says when they change: what the engine does to
  // their data must not move them. Told once, before the first request.
  void leaveTimesToKernel();

  // Nodes whose attributes the calling thread's last verb changed unasked: directories by a copy-up in or of them, files by the
  // loss of set-id bits. The kernel must drop what it remembers before that verb is answered. Each is told once.
  std::vector<NodeId> takeStaleAttributes();

  [[nodiscard]] OverlayStats stats() const;
  [[nodiscard]] const LayerStack& stack() const;
  // True when nothing is ever synced: the wire then need not be asked.
  [[nodiscard]] bool isVolatile() const;
  // True when no layer's filesystem carries POSIX ACLs (or xattrs at all): the wire then need not ask.
  [[nodiscard]] bool hasAcl() const;

 private:
  explicit Overlay(std::unique_ptr<OverlayState> state);
  std::unique_ptr<OverlayState> state_;
};

}  // namespace unionfs

// path_tree.h - the engine asked by path: for transports that name files by path instead of by node.
//
// Every verb walks its path with the engine's own lookup, calls one verb of the engine and gives the counts back; no
// rule of the union stands here. Paths begin with '/' and hold neither "." nor ".." nor a symlink to follow: whoever
// asks has resolved them. Any thread may call.
//
// Files that are open have a handle, a small number that keeps the node alive. libfuse 2 moves an open file that loses
// its name to a hidden one (".fuse_hidden" and numbers); `rename` sees that and removes the name instead: the hidden
// path then leads to the node without being in any directory, until `unlink` of it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "overlay/overlay.h"

namespace unionfs::binding {

using Handle = uint32_t;

struct PathEntry {
  std::string name;
  uint64_t ino = 0;
  uint8_t type = 0;  // DT_*
};

class PathTree {
 public:
  explicit PathTree(Overlay& overlay);
  ~PathTree();  // no verb may be under way
  PathTree(const PathTree&) = delete;
  PathTree& operator=(const PathTree&) = delete;

  Result<Attr> getattr(std::string_view path);
  Result<std::vector<PathEntry>> readdir(std::string_view path);
  Result<std::string> readlink(std::string_view path);
  Result<StatFs> statfs();

  Status mknod(std::string_view path, mode_t mode, dev_t rdev);
  Status mkdir(std::string_view path, mode_t mode);
  Status symlink(std::string_view target, std::string_view path);
  Status link(std::string_view from, std::string_view to);
  Status unlink(std::string_view path);
  Status rmdir(std::string_view path);
  Status rename(std::string_view from, std::string_view to);

  Status setattr(std::string_view path, const AttrChange& change);
  Result<std::string> getxattr(std::string_view path, const std::string& name);
  Result<std::string> listxattr(std::string_view path);
  Status setxattr(std::string_view path, const std::string& name, std::string_view value, XattrSetMode mode);
  Status removexattr(std::string_view path, const std::string& name);

  Result<Handle> open(std::string_view path);
  // A new regular file, open.
  Result<Handle> create(std::string_view path, mode_t mode);
  // Gives the handle up; an unknown one is ignored.
  void release(Handle handle);
  // EBADF for a handle that is not open.
  Result<size_t> read(Handle handle, std::span<std::byte> into, uint64_t offset);
  Result<size_t> write(Handle handle, std::span<const std::byte> from, uint64_t offset);
  Status truncate(Handle handle, uint64_t size);
  Status fsync(Handle handle, bool dataOnly);
  Status fsyncdir(std::string_view path, bool dataOnly);

  [[nodiscard]] Overlay& overlay() const { return overlay_; }
  [[nodiscard]] size_t handles() const;

 private:
  class Held;
  // A node that lives at least as long as the reference.
  using NodeRef = std::shared_ptr<const Held>;
  struct Place;

  Result<NodeRef> walk(std::string_view path);
  Result<Place> walkToParent(std::string_view path);
  Result<Handle> newHandle(NodeRef node);
  Result<NodeRef> nodeOf(Handle handle) const;
  // The node a hidden path leads to, or null.
  [[nodiscard]] NodeRef hiddenNode(std::string_view path) const;
  bool dropHidden(std::string_view path);
  // True when the rename was libfuse hiding an open file.
  Result<bool> hide(std::string_view from, std::string_view to);
  void moveHidden(std::string_view from, std::string_view to);
  [[nodiscard]] bool isOpenLocked(NodeId node) const;
  // The engine collects what a kernel should forget; a transport without notifications lets attributes expire at once.
  void dropStale() { static_cast<void>(overlay_.takeStaleAttributes()); }

  Overlay& overlay_;
  const Caller caller_;  // nobody says who asks: it is the daemon itself

  mutable std::mutex mu_;
  std::unordered_map<Handle, NodeRef> handles_;      // guarded by mu_
  std::unordered_map<std::string, NodeRef> hidden_;  // guarded by mu_
  std::atomic<size_t> hiddenCount_{0};               // lets walks skip the lock
  Handle lastHandle_ = 0;                            // guarded by mu_
};

}  // namespace unionfs::binding

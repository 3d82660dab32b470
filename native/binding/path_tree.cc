// path_tree.cc - see path_tree.h.
#include "binding/path_tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace unionfs::binding {

namespace {

constexpr std::string_view kHiddenPrefix = ".fuse_hidden";
constexpr size_t kHiddenDigits = 16;
// fuse-native carries handles as signed 32-bit numbers and takes 0 for "none".
constexpr Handle kLastHandle = 0x7fffffff;

struct Split {
  std::string_view parent;  // "/" or "/a/b"
  Name name;
};

// nullopt for the root, which has no name.
std::optional<Split> splitPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == path.size()) return std::nullopt;
  return Split{.parent = slash == 0 ? "/" : path.substr(0, slash), .name = path.substr(slash + 1)};
}

bool isHiddenName(Name name) {
  if (!name.starts_with(kHiddenPrefix) || name.size() != kHiddenPrefix.size() + kHiddenDigits) return false;
  const Name digits = name.substr(kHiddenPrefix.size());
  return std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

// A lookup count of a node, given back at the end. The root needs none.
class PathTree::Held {
 public:
  Held(Overlay& overlay, NodeId node) : overlay_(overlay), node_(node) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (node_ != kRootNode) overlay_.forget(node_, 1);
  }
  [[nodiscard]] NodeId id() const { return node_; }

 private:
  Overlay& overlay_;
  const NodeId node_;
};

struct PathTree::Place {
  NodeRef parent;
  Name name;
};

PathTree::PathTree(Overlay& overlay) : overlay_(overlay), caller_{.uid = ::geteuid(), .gid = ::getegid()} {}
PathTree::~PathTree() = default;

Result<PathTree::NodeRef> PathTree::walk(std::string_view path) {
  if (!path.starts_with('/')) return Errno(EINVAL);
  if (NodeRef hidden = hiddenNode(path)) return hidden;
  auto at = std::make_shared<const Held>(overlay_, kRootNode);
  for (size_t begin = 1; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    TRY_ASSIGN(const MaybeEntry entry, overlay_.lookup(at->id(), path.substr(begin, end - begin)));
    if (!entry) return Errno(ENOENT);
    at = std::make_shared<const Held>(overlay_, entry->node);
    begin = end + 1;
  }
  return NodeRef(std::move(at));
}

Result<PathTree::Place> PathTree::walkToParent(std::string_view path) {
  const auto split = splitPath(path);
  if (!split) return Errno(EINVAL);
  TRY_ASSIGN(NodeRef parent, walk(split->parent));
  return Place{std::move(parent), split->name};
}

// --- names

Result<Attr> PathTree::getattr(std::string_view path) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  return overlay_.getattr(node->id());
}

Result<std::vector<PathEntry>> PathTree::readdir(std::string_view path) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  std::vector<PathEntry> entries;
  TRY(overlay_.readdir(node->id(), 0, [&entries](const DirEntry& entry) {
    entries.push_back({std::string(entry.name), entry.ino, entry.type});
    return true;
  }));
  return entries;
}

Result<std::string> PathTree::readlink(std::string_view path) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  return overlay_.readlink(node->id());
}

Result<StatFs> PathTree::statfs() { return overlay_.statfs(kRootNode); }

// What a verb that makes a name answers: the entry's count is given back.
#define DROP_ENTRY(expr)                       \
  TRY_ASSIGN(const Entry dropped_entry, expr); \
  overlay_.forget(dropped_entry.node, 1);      \
  dropStale();                                 \
  return success()

Status PathTree::mknod(std::string_view path, mode_t mode, dev_t rdev) {
  TRY_ASSIGN(const Place at, walkToParent(path));
  DROP_ENTRY(overlay_.mknod(caller_, at.parent->id(), at.name, {.mode = mode, .rdev = rdev}));
}

Status PathTree::mkdir(std::string_view path, mode_t mode) {
  TRY_ASSIGN(const Place at, walkToParent(path));
  DROP_ENTRY(overlay_.mkdir(caller_, at.parent->id(), at.name, mode));
}

Status PathTree::symlink(std::string_view target, std::string_view path) {
  TRY_ASSIGN(const Place at, walkToParent(path));
  DROP_ENTRY(overlay_.symlink(caller_, at.parent->id(), at.name, target));
}

Status PathTree::link(std::string_view from, std::string_view to) {
  TRY_ASSIGN(const NodeRef node, walk(from));
  TRY_ASSIGN(const Place at, walkToParent(to));
  DROP_ENTRY(overlay_.link(caller_, node->id(), at.parent->id(), at.name));
}

#undef DROP_ENTRY

Status PathTree::unlink(std::string_view path) {
  if (dropHidden(path)) return success();
  TRY_ASSIGN(const Place at, walkToParent(path));
  TRY(overlay_.unlink(caller_, at.parent->id(), at.name));
  dropStale();
  return success();
}

Status PathTree::rmdir(std::string_view path) {
  TRY_ASSIGN(const Place at, walkToParent(path));
  TRY(overlay_.rmdir(caller_, at.parent->id(), at.name));
  dropStale();
  return success();
}

Status PathTree::rename(std::string_view from, std::string_view to) {
  TRY_ASSIGN(const bool hidden, hide(from, to));
  if (hidden) return success();
  TRY_ASSIGN(const Place source, walkToParent(from));
  TRY_ASSIGN(const Place target, walkToParent(to));
  TRY(overlay_.rename(caller_, source.parent->id(), source.name, target.parent->id(), target.name, RenameMode::replace));
  moveHidden(from, to);
  dropStale();
  return success();
}

// --- hidden paths

PathTree::NodeRef PathTree::hiddenNode(std::string_view path) const {
  if (hiddenCount_.load(std::memory_order_acquire) == 0) return nullptr;
  const std::lock_guard lock(mu_);
  const auto it = hidden_.find(std::string(path));
  return it == hidden_.end() ? nullptr : it->second;
}

bool PathTree::dropHidden(std::string_view path) {
  if (hiddenCount_.load(std::memory_order_acquire) == 0) return false;
  NodeRef last;  // let go of without the lock
  const std::lock_guard lock(mu_);
  const auto it = hidden_.find(std::string(path));
  if (it == hidden_.end()) return false;
  last = std::move(it->second);
  hidden_.erase(it);
  hiddenCount_.store(hidden_.size(), std::memory_order_release);
  return true;
}

bool PathTree::isOpenLocked(NodeId node) const {
  return std::any_of(handles_.begin(), handles_.end(), [node](const auto& each) { return each.second->id() == node; });
}

// Only a file that is open is ever hidden; anybody else who chooses such a name gets an ordinary rename.
Result<bool> PathTree::hide(std::string_view from, std::string_view to) {
  const auto source = splitPath(from);
  const auto target = splitPath(to);
  if (!source || !target || source->parent != target->parent || !isHiddenName(target->name)) return false;
  TRY_ASSIGN(NodeRef node, walk(from));
  {
    const std::lock_guard lock(mu_);
    if (!isOpenLocked(node->id()) || hidden_.contains(std::string(to))) return false;
  }
  TRY_ASSIGN(const NodeRef parent, walk(source->parent));
  TRY(overlay_.unlink(caller_, parent->id(), source->name));
  dropStale();
  const std::lock_guard lock(mu_);
  hidden_.emplace(to, std::move(node));
  hiddenCount_.store(hidden_.size(), std::memory_order_release);
  return true;
}

// A directory that moves takes the hidden paths in it along.
void PathTree::moveHidden(std::string_view from, std::string_view to) {
  if (hiddenCount_.load(std::memory_order_acquire) == 0) return;
  const std::string prefix = std::string(from) + '/';
  const std::lock_guard lock(mu_);
  std::vector<std::pair<std::string, NodeRef>> moved;
  for (auto it = hidden_.begin(); it != hidden_.end();) {
    if (!it->first.starts_with(prefix)) {
      ++it;
      continue;
    }
    moved.emplace_back(std::string(to) + '/' + it->first.substr(prefix.size()), std::move(it->second));
    it = hidden_.erase(it);
  }
  for (auto& [path, node] : moved) hidden_.emplace(std::move(path), std::move(node));
}

// --- attributes

Status PathTree::setattr(std::string_view path, const AttrChange& change) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  TRY(overlay_.setattr(caller_, node->id(), change));
  dropStale();
  return success();
}

Result<std::string> PathTree::getxattr(std::string_view path, const std::string& name) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  return overlay_.getxattr(node->id(), name);
}

Result<std::string> PathTree::listxattr(std::string_view path) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  return overlay_.listxattr(caller_, node->id());
}

Status PathTree::setxattr(std::string_view path, const std::string& name, std::string_view value, XattrSetMode mode) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  TRY(overlay_.setxattr(caller_, node->id(), name, value, mode, false));
  dropStale();
  return success();
}

Status PathTree::removexattr(std::string_view path, const std::string& name) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  TRY(overlay_.removexattr(caller_, node->id(), name));
  dropStale();
  return success();
}

// --- open files

Result<Handle> PathTree::newHandle(NodeRef node) {
  const std::lock_guard lock(mu_);
  if (handles_.size() >= kLastHandle / 2) return Errno(ENFILE);
  do {
    lastHandle_ = lastHandle_ >= kLastHandle ? 1 : lastHandle_ + 1;
  } while (handles_.contains(lastHandle_));
  handles_.emplace(lastHandle_, std::move(node));
  return lastHandle_;
}

Result<PathTree::NodeRef> PathTree::nodeOf(Handle handle) const {
  const std::lock_guard lock(mu_);
  const auto it = handles_.find(handle);
  if (it == handles_.end()) return Errno(EBADF);
  return it->second;
}

size_t PathTree::handles() const {
  const std::lock_guard lock(mu_);
  return handles_.size();
}

Result<Handle> PathTree::open(std::string_view path) {
  TRY_ASSIGN(NodeRef node, walk(path));
  return newHandle(std::move(node));
}

Result<Handle> PathTree::create(std::string_view path, mode_t mode) {
  TRY_ASSIGN(const Place at, walkToParent(path));
  const NewNode wanted{.mode = (mode & ~static_cast<mode_t>(S_IFMT)) | S_IFREG};
  TRY_ASSIGN(const Entry made, overlay_.mknod(caller_, at.parent->id(), at.name, wanted));
  dropStale();
  return newHandle(std::make_shared<const Held>(overlay_, made.node));
}

void PathTree::release(Handle handle) {
  NodeRef last;  // let go of without the lock
  const std::lock_guard lock(mu_);
  const auto it = handles_.find(handle);
  if (it == handles_.end()) return;
  last = std::move(it->second);
  handles_.erase(it);
}

Result<size_t> PathTree::read(Handle handle, std::span<std::byte> into, uint64_t offset) {
  TRY_ASSIGN(const NodeRef node, nodeOf(handle));
  return overlay_.read(node->id(), into, offset);
}

Result<size_t> PathTree::write(Handle handle, std::span<const std::byte> from, uint64_t offset) {
  TRY_ASSIGN(const NodeRef node, nodeOf(handle));
  auto written = overlay_.write(caller_, node->id(), from, offset, {});
  dropStale();
  return written;
}

Status PathTree::truncate(Handle handle, uint64_t size) {
  TRY_ASSIGN(const NodeRef node, nodeOf(handle));
  AttrChange change;
  change.size = size;
  TRY(overlay_.setattr(caller_, node->id(), change));
  dropStale();
  return success();
}

Status PathTree::fsync(Handle handle, bool dataOnly) {
  TRY_ASSIGN(const NodeRef node, nodeOf(handle));
  return overlay_.fsync(node->id(), dataOnly);
}

Status PathTree::fsyncdir(std::string_view path, bool dataOnly) {
  TRY_ASSIGN(const NodeRef node, walk(path));
  return overlay_.fsyncdir(node->id(), dataOnly);
}

}  // namespace unionfs::binding

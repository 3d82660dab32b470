#include "layer/stack.h"

#include <fcntl.h>

#include <map>

#include "layer/workdir.h"
#include "sys/open.h"

namespace unionfs {

LayerStack::LayerStack() = default;
LayerStack::~LayerStack() = default;

namespace {

const char* workDirFailure(Errno error) {
  if (error == EBUSY) return "the upper or work directory is in use by another mount";
  if (error == EXDEV) return "the work directory is not on the same mount as the upper";
  if (error == EUCLEAN) return "an unclean volatile mount lies in the work directory; its upper may have lost data";
  return "the work directory cannot be prepared";
}

bool isSameFile(const sys::Stat& a, const sys::Stat& b) { return a.dev == b.dev && a.ino == b.ino; }

// Whether one meets the directory `above` on the way from `path` up to the root.
Result<bool> liesBelow(const std::string& path, const sys::Stat& above) {
  TRY_ASSIGN(Fd dir, sys::openPath(path, O_PATH | O_DIRECTORY));
  TRY_ASSIGN(sys::Stat stat, sys::stat({dir.get(), ""}));
  for (;;) {
    TRY_ASSIGN(dir, sys::open({dir.get(), ".."}, O_PATH | O_DIRECTORY));
    TRY_ASSIGN(const sys::Stat parent, sys::stat({dir.get(), ""}));
    if (isSameFile(parent, stat) && parent.mountId == stat.mountId) return false;  // the root
    if (isSameFile(parent, above)) return true;
    stat = parent;
  }
}

// Validation says the same to a person before; here it is what keeps a daemon from waiting for itself.
bool mayMountAt(const std::string& mountpoint, const Layer& lower, StackError& error) {
  if (lower.isClone()) return true;
  const auto inside = liesBelow(mountpoint, lower.rootStat());
  if (inside.ok() && !*inside) return true;
  error = {mountpoint, "the mount point lies inside the lower " + lower.path() + ", of which no private clone can be taken",
           inside.ok() ? Errno(ELOOP) : inside.error()};
  if (!inside.ok()) error.what = "the mount point cannot be looked at";
  return false;
}

// Marks an upper as one that keeps owners in xattrs. Its root shows what the first lower that keeps them so shows, else what
// it is. What lies in it already, and has no xattr, stays what it is.
Status beginOverrides(Layer& upper, OverrideKind kind, const std::vector<std::unique_ptr<Layer>>& layers) {
  const Layer* model = &upper;
  for (const auto& layer : layers) {
    if (!layer->overrides()) continue;
    model = layer.get();
    break;
  }
  TRY_ASSIGN(const sys::Stat shown, model->overrides().stat({model->root(), ""}));
  upper.setOverrides(kind);
  return upper.overrides().write({upper.root(), ""}, shown);
}

}  // namespace

std::shared_ptr<LayerStack> LayerStack::open(const StackOptions& options, StackError& error) {
  auto stack = std::shared_ptr<LayerStack>(new LayerStack);
  std::map<dev_t, unsigned> filesystems;
  const auto add = [&](const std::string& path, bool isLower) {
    auto layer = Layer::open(path, isLower);
    if (!layer.ok()) {
      error = {path, "the layer cannot be opened", layer.error()};
      return false;
    }
    const auto index = filesystems.emplace((*layer)->rootStat().dev, static_cast<unsigned>(filesystems.size())).first->second;
    (*layer)->setFilesystem(index);
    stack->layers_.push_back(std::move(*layer));
    return true;
  };
  if (options.upper.empty()) {
    stack->layers_.push_back(nullptr);
  } else {
    if (!add(options.upper, false)) return nullptr;
    auto work = WorkDir::open(options.workdir, *stack->layers_[kUpperLayer], options.whiteoutFiles);
    if (!work.ok()) {
      error = {options.workdir, workDirFailure(work.error()), work.error()};
      return nullptr;
    }
    stack->work_ = std::move(*work);
  }
  for (size_t i = 0; i < options.lowers.size(); ++i) {
    if (!add(options.lowers[i], true)) return nullptr;
    if (i < options.ownersMapped.size() && options.ownersMapped[i]) stack->layers_.back()->setOwnersMapped();
    if (!options.mountpoint.empty() && !mayMountAt(options.mountpoint, *stack->layers_.back(), error)) return nullptr;
  }
  if (stack->work_ && options.overrides != OverrideKind::none && !stack->upper().overrides()) {
    const auto begun = beginOverrides(*stack->layers_[kUpperLayer], options.overrides, stack->layers_);
    if (!begun.ok()) {
      error = {options.upper, "the upper cannot keep owners and modes in extended attributes", begun.error()};
      return nullptr;
    }
  }
  stack->filesystems_ = static_cast<unsigned>(filesystems.size());
  return stack;
}

}  // namespace unionfs

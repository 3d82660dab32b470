#include "layer/stack.h"

#include <map>

#include "layer/workdir.h"

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
    auto work = WorkDir::open(options.workdir, *stack->layers_[kUpperLayer]);
    if (!work.ok()) {
      error = {options.workdir, workDirFailure(work.error()), work.error()};
      return nullptr;
    }
    stack->work_ = std::move(*work);
  }
  for (size_t i = 0; i < options.lowers.size(); ++i) {
    if (!add(options.lowers[i], true)) return nullptr;
    if (i < options.ownersMapped.size() && options.ownersMapped[i]) stack->layers_.back()->setOwnersMapped();
  }
  stack->filesystems_ = static_cast<unsigned>(filesystems.size());
  return stack;
}

}  // namespace unionfs

#include "layer/layer.h"

#include <fcntl.h>

#include "sys/clone.h"
#include "sys/handle.h"
#include "sys/open.h"

namespace unionfs {

Result<std::unique_ptr<Layer>> Layer::open(const std::string& path, bool isLower) {
  auto layer = std::unique_ptr<Layer>(new Layer);
  layer->path_ = path;
  TRY_ASSIGN(layer->root_, sys::openPath(path, O_RDONLY | O_DIRECTORY));
  if (isLower) {
    if (auto clone = sys::privateReadOnlyClone(layer->root_.get()); clone.ok()) {
      TRY_ASSIGN(layer->root_, sys::openBeneath(clone->get(), ".", O_RDONLY | O_DIRECTORY));
      layer->isClone_ = true;
    }
  }
  TRY_ASSIGN(layer->stat_, sys::stat({layer->root_.get(), ""}));
  TRY_ASSIGN(layer->overrides_, Overrides::ofRoot(layer->root_.get(), layer->stat_.uid));
  layer->uuid_ = sys::filesystemUuid(layer->root_.get());
  return layer;
}

Result<Fd> Layer::openDirectory(std::string_view path) const {
  auto fd = sys::openDirectoryBeneath(root(), path, O_RDONLY | O_NOATIME);
  if (fd.failsWith(EPERM)) return sys::openDirectoryBeneath(root(), path, O_RDONLY);  // not ours
  return fd;
}

std::string Layer::pathBelow(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "/" + std::string(name);
}

}  // namespace unionfs

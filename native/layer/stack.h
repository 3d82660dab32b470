// stack.h - the ordered layers of one mount, opened and checked.
//
// Layer 0 is the upper (absent on a read-only mount); 1, 2, ... are the lowers, top first. Opening resolves every
// path once; afterwards layers are reached by descriptor only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "layer/layer.h"

namespace unionfs {

// Index of a layer in its stack.
using LayerIndex = uint16_t;
inline constexpr LayerIndex kUpperLayer = 0;

struct StackOptions {
  std::vector<std::string> lowers;              // absolute, top first, 1 to 500
  std::vector<bool> ownersMapped{};             // of each lower: it lies on an idmapped mount. Empty: of none
  std::string upper;                            // empty: read-only
  std::string workdir;                          // empty exactly when upper is
  OverrideKind overrides = OverrideKind::none;  // how an upper keeps owners whose root does not say
  bool whiteoutFiles = false;                   // whiteouts are files, also where they could be devices
  std::string mountpoint = {};                  // where the union will be mounted; empty: nowhere
};

// Why a stack cannot be opened, for a person: the path concerned, what failed, the errno.
struct StackError {
  std::string path;
  std::string what;
  Errno error{EIO};
};

class WorkDir;

class LayerStack {
 public:
  // Locks upper and workdir (EBUSY when another mount has them), sweeps the workdir, probes what the upper can carry.
  // ELOOP: the mount point lies in a lower that is no private clone, so that walking the lower would lead into the union.
  static std::shared_ptr<LayerStack> open(const StackOptions& options, StackError& error);
  ~LayerStack();
  LayerStack(const LayerStack&) = delete;
  LayerStack& operator=(const LayerStack&) = delete;

  [[nodiscard]] bool writable() const { return static_cast<bool>(work_); }
  // Number of layers with the upper's place counted, so that valid indices are firstIndex() .. size() - 1.
  [[nodiscard]] LayerIndex size() const { return static_cast<LayerIndex>(layers_.size()); }
  [[nodiscard]] LayerIndex firstIndex() const { return writable() ? kUpperLayer : LayerIndex{1}; }
  [[nodiscard]] const Layer& layer(LayerIndex index) const { return *layers_[index]; }
  // Precondition: writable().
  [[nodiscard]] const Layer& upper() const { return *layers_[kUpperLayer]; }
  [[nodiscard]] WorkDir& work() const { return *work_; }

  // How many different filesystems the layers live on; 1 means real inode numbers can be shown as they are.
  [[nodiscard]] unsigned filesystems() const { return filesystems_; }

 private:
  LayerStack();
  std::vector<std::unique_ptr<Layer>> layers_;
  std::unique_ptr<WorkDir> work_;
  unsigned filesystems_ = 1;
};

}  // namespace unionfs

// xattr_census.h - whether any file of a layer has an extended attribute that a mount shows.
#pragma once

#include <functional>

#include "base/result.h"
#include "layer/layer.h"

namespace unionfs {

// Asks every file below the layer's root, and the root, until one has; a few microseconds each. `goOn` is asked before each
// directory, with the number of files asked so far. EINTR when it said no; any other error: a file could not be asked.
Result<bool> showsXattrs(const Layer& layer, const std::function<bool(size_t)>& goOn);

}  // namespace unionfs

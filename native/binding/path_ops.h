// path_ops.h - the engine by path, for JavaScript: a transport written in JavaScript asks with it.
#pragma once

#include <napi.h>

namespace unionfs::binding {

// openPaths(options, onLog): see src/engine/contract.ts.
Napi::Value openPaths(const Napi::CallbackInfo& info);

}  // namespace unionfs::binding

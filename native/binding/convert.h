// convert.h - JavaScript values to the engine's types and back. No decision is taken here.
#pragma once

#include <napi.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/errno_name.h"
#include "base/result.h"
#include "fuse/session.h"
#include "layer/stack.h"
#include "overlay/overlay.h"

namespace unionfs::binding {

// Everything `mount` was asked for, split by who takes it.
struct MountRequest {
  StackOptions stack;
  OverlayOptions overlay;
  MountOptions mount;
  int logLevel = 30;
  size_t recordBytes = 0;  // memory for records of layers; 0: none are used
};

// Why a native call failed, as the Error that JavaScript gets: {code, errno, syscall, path, detail}.
struct Failure {
  Errno error{EIO};
  std::string syscall;
  std::string path;
  std::string detail;
};

inline Napi::Buffer<char> bufferOf(Napi::Env env, const std::string& bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

Napi::Error toError(Napi::Env env, const Failure& failure);

// nullopt with a TypeError pending when a field is missing or of the wrong type.
std::optional<MountRequest> toMountRequest(Napi::Env env, const Napi::Value& value);

Napi::Object toJs(Napi::Env env, const SessionInfo& info);
Napi::Object toJs(Napi::Env env, const OverlayStats& stats);
Napi::Object toJs(Napi::Env env, const std::map<std::string, OperationStats>& operations);

}  // namespace unionfs::binding

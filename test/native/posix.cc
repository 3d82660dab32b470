// posix.cc - entry of the test-only addon: raw system calls that Node does not offer.
#include <cerrno>
#include <cstring>

#include "support.h"

namespace posixtest {

Value fail(Napi::Env env, int err, const char* call) {
  const char* name = strerrorname_np(err);
  const std::string code = name != nullptr ? name : "E" + std::to_string(err);
  Napi::Error error = Napi::Error::New(env, code + ": " + std::strerror(err) + ", " + call);
  error.Set("code", Napi::String::New(env, code));
  error.Set("errno", Napi::Number::New(env, err));
  error.Set("syscall", Napi::String::New(env, call));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

Value number(Napi::Env env, int64_t rc, const char* call) {
  if (rc < 0) return fail(env, errno, call);
  return Napi::Number::New(env, static_cast<double>(rc));
}

int64_t integer(const Info& info, size_t index, int64_t fallback) {
  if (index >= info.Length()) return fallback;
  const Value value = info[index];
  if (value.IsBigInt()) {
    bool lossless = false;
    return value.As<Napi::BigInt>().Int64Value(&lossless);
  }
  return value.IsNumber() ? value.As<Napi::Number>().Int64Value() : fallback;
}

int intArg(const Info& info, size_t index, int fallback) {
  return static_cast<int>(integer(info, index, fallback));
}

uint32_t uintArg(const Info& info, size_t index, uint32_t fallback) {
  return static_cast<uint32_t>(integer(info, index, fallback));
}

bool isPath(const Info& info, size_t index) {
  return index < info.Length() && (info[index].IsString() || info[index].IsBuffer());
}

std::string bytes(const Info& info, size_t index) {
  if (index >= info.Length()) return {};
  const Value value = info[index];
  if (value.IsBuffer()) {
    const auto buffer = value.As<Napi::Buffer<char>>();
    return {buffer.Data(), buffer.Length()};
  }
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

}  // namespace posixtest

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  posixtest::exposeFiles(env, exports);
  posixtest::exposeNames(env, exports);
  posixtest::exposeXattrs(env, exports);
  posixtest::exposeLocks(env, exports);
  posixtest::exposeMaps(env, exports);
  posixtest::exposeCredentials(env, exports);
  return exports;
}

NODE_API_MODULE(posix, init)

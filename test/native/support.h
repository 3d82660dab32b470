// support.h - argument decoding and errno reporting shared by the test-only system call addon.
//
// Paths are raw bytes: a JS string is taken as UTF-8, a Buffer as it is. A failed call becomes a JS Error with
// `code` ("ENOENT"), `errno` (positive) and `syscall`, thrown synchronously.
#pragma once

#define NAPI_DISABLE_CPP_EXCEPTIONS 1
#define NAPI_VERSION 8
#include <napi.h>

#include <cstdint>
#include <string>

namespace posixtest {

using Info = Napi::CallbackInfo;
using Value = Napi::Value;

Value fail(Napi::Env env, int err, const char* call);

// Number of a call's result, or the thrown error when `rc` is negative (errno is read at once).
Value number(Napi::Env env, int64_t rc, const char* call);

// Whole numbers arrive as JS numbers or, past 2^53, as bigints; absent arguments give `fallback`.
int64_t integer(const Info& info, size_t index, int64_t fallback = 0);
int intArg(const Info& info, size_t index, int fallback = 0);
uint32_t uintArg(const Info& info, size_t index, uint32_t fallback = 0);

// Bytes of a string or Buffer argument.
std::string bytes(const Info& info, size_t index);
bool isPath(const Info& info, size_t index);

using Function = Value (*)(const Info&);
inline void expose(Napi::Env env, Napi::Object& exports, const char* name, Function fn) {
  exports.Set(name, Napi::Function::New(env, fn, name));
}

void exposeFiles(Napi::Env env, Napi::Object& exports);
void exposeNames(Napi::Env env, Napi::Object& exports);
void exposeXattrs(Napi::Env env, Napi::Object& exports);
void exposeLocks(Napi::Env env, Napi::Object& exports);
void exposeMaps(Napi::Env env, Napi::Object& exports);
void exposeCredentials(Napi::Env env, Napi::Object& exports);

}  // namespace posixtest

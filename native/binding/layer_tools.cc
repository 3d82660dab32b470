// layer_tools.cc - see layer_tools.h.
#include "binding/layer_tools.h"

#include <sys/sysmacros.h>

#include <memory>
#include <utility>

#include "binding/async_call.h"
#include "binding/convert.h"
#include "index/content_record.h"
#include "survey/compare.h"
#include "survey/layer_walk.h"

namespace unionfs::binding {
namespace {

std::string hexOf(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += kDigits[static_cast<uint8_t>(byte) >> 4U];
    out += kDigits[static_cast<uint8_t>(byte) & 15U];
  }
  return out;
}

template <typename Time>
std::string textOf(const Time& time) {
  std::string nsec = std::to_string(time.nsec);
  return std::to_string(time.sec) + "." + std::string(9 - nsec.size(), '0') + nsec;
}

// Empty with a TypeError pending when the argument is no buffer.
std::string bytesArgument(const Napi::CallbackInfo& info, size_t index) {
  if (info.Length() > index && info[index].IsBuffer()) {
    const auto buffer = info[index].As<Napi::Buffer<char>>();
    return {buffer.Data(), buffer.Length()};
  }
  Napi::TypeError::New(info.Env(), "a buffer is needed").ThrowAsJavaScriptException();
  return {};
}

std::string pathArgument(const Napi::CallbackInfo& info) {
  if (info.Length() > 0 && info[0].IsString()) return info[0].As<Napi::String>().Utf8Value();
  Napi::TypeError::New(info.Env(), "a path is needed").ThrowAsJavaScriptException();
  return {};
}

// Bytes: names need not be text.
Napi::Value sentences(Napi::Env env, const std::vector<std::string>& list) {
  Napi::Array array = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); ++i) array.Set(static_cast<uint32_t>(i), bufferOf(env, list[i]));
  return array;
}

Napi::Object directoryToJs(Napi::Env env, const WalkedDirectory& walked) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("path", bufferOf(env, walked.path));
  object.Set("files", Napi::Number::New(env, static_cast<double>(walked.files)));
  if (!walked.record.empty()) object.Set("record", bufferOf(env, walked.record));
  if (!walked.contents.empty()) {
    object.Set("contents", bufferOf(env, walked.contents));
    object.Set("digest", bufferOf(env, std::string(reinterpret_cast<const char*>(walked.digest.data()), sizeof walked.digest)));
  }
  if (walked.error.value() != 0) {
    object.Set("error", errnoName(walked.error));
    if (!walked.failing.empty()) object.Set("failing", bufferOf(env, walked.failing));
  }
  return object;
}

Napi::Value next(const Napi::CallbackInfo& info, const std::shared_ptr<LayerWalk>& walk) {
  auto batch = std::make_shared<std::vector<WalkedDirectory>>();
  return AsyncCall::start(
      info.Env(),
      [walk, batch]() -> std::optional<Failure> {
        *batch = walk->next();
        return std::nullopt;
      },
      [batch](Napi::Env env) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, batch->size());
        for (size_t i = 0; i < batch->size(); ++i) array.Set(static_cast<uint32_t>(i), directoryToJs(env, (*batch)[i]));
        return array;
      });
}

}  // namespace

Napi::Object factsOf(Napi::Env env, const Layer& layer) {
  const sys::Stat& stat = layer.rootStat();
  Napi::Object object = Napi::Object::New(env);
  object.Set("path", layer.path());
  object.Set("device", std::to_string(gnu_dev_major(stat.dev)) + ":" + std::to_string(gnu_dev_minor(stat.dev)));
  object.Set("inode", std::to_string(stat.ino));
  object.Set("uuid", hexOf(layer.uuid()));
  if (stat.btime) object.Set("birth", textOf(*stat.btime));
  object.Set("mtime", textOf(stat.mtime));
  object.Set("ctime", textOf(stat.ctime));
  return object;
}

Napi::Value layerFacts(const Napi::CallbackInfo& info) {
  const std::string path = pathArgument(info);
  if (info.Env().IsExceptionPending()) return info.Env().Undefined();
  const auto layer = Layer::open(path, true);
  if (layer.ok()) return factsOf(info.Env(), **layer);
  toError(info.Env(), {layer.error(), "open", path, {}}).ThrowAsJavaScriptException();
  return info.Env().Undefined();
}

Napi::Value walkLayer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = pathArgument(info);
  if (env.IsExceptionPending()) return env.Undefined();
  WalkOptions options;
  if (info.Length() > 1 && info[1].IsObject()) {
    const auto object = info[1].As<Napi::Object>();
    options.contents = object.Get("contents").ToBoolean().Value();
    if (options.contents || object.Get("full").ToBoolean().Value()) options.kind = RecordMaker::Kind::full;
  }
  auto opened = LayerWalk::open(path, options);
  if (!opened.ok()) {
    toError(env, {opened.error(), "open", path, {}}).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::shared_ptr<LayerWalk> walk = std::move(*opened);
  Napi::Object object = Napi::Object::New(env);
  object.Set("facts", factsOf(env, walk->layer()));
  object.Set("next", Napi::Function::New(
                         env, [walk](const Napi::CallbackInfo& call) { return next(call, walk); }, "next"));
  object.Set("cancel", Napi::Function::New(
                           env, [walk](const Napi::CallbackInfo&) { walk->cancel(); }, "cancel"));
  object.Set("bytesRead", Napi::Function::New(
                              env,
                              [walk](const Napi::CallbackInfo& call) -> Napi::Value {
                                return Napi::Number::New(call.Env(), static_cast<double>(walk->bytesRead()));
                              },
                              "bytesRead"));
  return object;
}

Napi::Value compareRecords(const Napi::CallbackInfo& info) {
  const auto recorded = DirRecord::open(bytesArgument(info, 0));
  const auto found = DirRecord::open(bytesArgument(info, 1));
  if (info.Env().IsExceptionPending()) return info.Env().Undefined();
  if (!recorded || !found) return info.Env().Null();
  return sentences(info.Env(), unionfs::compareRecords(recorded->contents(), found->contents()));
}

Napi::Value compareContents(const Napi::CallbackInfo& info) {
  const auto recorded = DirRecord::open(bytesArgument(info, 0));
  const auto recordedSums = decodeContentRecord(bytesArgument(info, 1));
  const auto found = DirRecord::open(bytesArgument(info, 2));
  const auto foundSums = decodeContentRecord(bytesArgument(info, 3));
  if (info.Env().IsExceptionPending()) return info.Env().Undefined();
  if (!recorded || !recordedSums || !found || !foundSums) return info.Env().Null();
  return sentences(info.Env(), unionfs::compareContents(recorded->contents(), *recordedSums, found->contents(), *foundSums));
}

Napi::Value describeRecord(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto record = DirRecord::open(bytesArgument(info, 0));
  if (env.IsExceptionPending()) return env.Undefined();
  if (!record) return env.Null();
  const RecordHead& head = record->head();
  Napi::Object object = Napi::Object::New(env);
  object.Set("full", head.full);
  object.Set("opaque", head.opaque);
  object.Set("redirected", head.redirected);
  object.Set("partsElsewhere", head.partsElsewhere);
  object.Set("inode", std::to_string(head.ino));
  object.Set("mtime", textOf(head.mtime));
  object.Set("ctime", textOf(head.ctime));
  Napi::Array names = Napi::Array::New(env);
  record->forEachBrief([&](const DirRecord::Brief& brief) { names.Set(names.Length(), Napi::String::New(env, std::string(brief.name))); });
  object.Set("names", names);
  return object;
}

}  // namespace unionfs::binding

// record_feed.cc - see record_feed.h.
#include "binding/record_feed.h"

#include <string>

#include "binding/async_call.h"
#include "binding/convert.h"
#include "binding/layer_tools.h"
#include "index/record_store.h"

namespace unionfs::binding {
namespace {

using Method = Napi::Value (*)(const Napi::CallbackInfo&, RecordStore&);

Napi::Value wrongArguments(Napi::Env env, const char* signature) {
  Napi::TypeError::New(env, signature).ThrowAsJavaScriptException();
  return env.Undefined();
}

// (layer: number, sealed: boolean): void
Napi::Value trustLayer(const Napi::CallbackInfo& info, RecordStore& store) {
  if (info.Length() < 2 || !info[0].IsNumber() || !info[1].IsBoolean()) return wrongArguments(info.Env(), "trustLayer(layer, sealed)");
  store.setTrust(static_cast<uint16_t>(info[0].As<Napi::Number>().Uint32Value()),
                 info[1].As<Napi::Boolean>().Value() ? LayerTrust::sealed : LayerTrust::checked);
  return info.Env().Undefined();
}

// (layer: number, records: Buffer[]): number of those taken
Napi::Value feedRecords(const Napi::CallbackInfo& info, RecordStore& store) {
  if (info.Length() < 2 || !info[0].IsNumber() || !info[1].IsArray()) return wrongArguments(info.Env(), "feedRecords(layer, records)");
  const auto layer = static_cast<uint16_t>(info[0].As<Napi::Number>().Uint32Value());
  const auto records = info[1].As<Napi::Array>();
  uint32_t taken = 0;
  for (uint32_t i = 0; i < records.Length(); ++i) {
    const Napi::Value item = records.Get(i);
    if (!item.IsBuffer()) return wrongArguments(info.Env(), "feedRecords(layer, records)");
    const auto buffer = item.As<Napi::Buffer<char>>();
    if (store.add(layer, {buffer.Data(), buffer.Length()})) ++taken;
  }
  return Napi::Number::New(info.Env(), taken);
}

// (layer: number): void. The layer has had all its records.
Napi::Value layerFed(const Napi::CallbackInfo& info, RecordStore& store) {
  if (info.Length() < 1 || !info[0].IsNumber()) return wrongArguments(info.Env(), "layerFed(layer)");
  store.setComplete(static_cast<uint16_t>(info[0].As<Napi::Number>().Uint32Value()));
  return info.Env().Undefined();
}

Napi::Value startLearning(const Napi::CallbackInfo& info, RecordStore& store) {
  store.startLearning();
  return info.Env().Undefined();
}

// (): {layer, path, record}[]
Napi::Value takeLearned(const Napi::CallbackInfo& info, RecordStore& store) {
  const auto learned = store.takeLearned();
  Napi::Array array = Napi::Array::New(info.Env(), learned.size());
  for (size_t i = 0; i < learned.size(); ++i) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("layer", Napi::Number::New(info.Env(), learned[i].layer));
    object.Set("path", bufferOf(info.Env(), learned[i].path));
    object.Set("record", bufferOf(info.Env(), learned[i].bytes));
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

Napi::Value recordStats(const Napi::CallbackInfo& info, RecordStore& store) {
  const RecordStats stats = store.stats();
  Napi::Object object = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, uint64_t value) { object.Set(name, Napi::Number::New(info.Env(), static_cast<double>(value))); };
  set("records", stats.records);
  set("bytes", stats.bytes);
  set("limit", stats.limit);
  set("rejected", stats.rejected);
  set("used", stats.used);
  set("stale", stats.stale);
  set("learned", stats.learned);
  set("forgotten", stats.forgotten);
  return object;
}

constexpr struct {
  const char* name;
  Method method;
} kMethods[] = {{"trustLayer", &trustLayer},       {"feedRecords", &feedRecords}, {"layerFed", &layerFed},
                {"startLearning", &startLearning}, {"takeLearned", &takeLearned}, {"recordStats", &recordStats}};

// The lowers, top first: layer number 1 is the first.
Napi::Value layers(const Napi::CallbackInfo& info, const MountSession& mount) {
  Napi::Array array = Napi::Array::New(info.Env());
  const auto session = mount.session();
  if (!session) return array;
  const LayerStack& stack = session->overlay().stack();
  for (LayerIndex layer = 1; layer < stack.size(); ++layer) array.Set(layer - 1U, factsOf(info.Env(), stack.layer(layer)));
  return array;
}

// (): Promise<void>. After the last layerFed.
Napi::Value prepare(const Napi::CallbackInfo& info, const MountSession& mount) {
  return AsyncCall::start(
      info.Env(),
      [session = mount.session()]() -> std::optional<Failure> {
        if (session) session->overlay().prepare();
        return std::nullopt;
      },
      [](Napi::Env env) { return env.Undefined(); });
}

}  // namespace

void addRecordMethods(Napi::Env env, Napi::Object& object, const std::shared_ptr<MountSession>& session) {
  object.Set("layers", Napi::Function::New(
                           env, [session](const Napi::CallbackInfo& info) { return layers(info, *session); }, "layers"));
  object.Set("prepare", Napi::Function::New(
                            env, [session](const Napi::CallbackInfo& info) { return prepare(info, *session); }, "prepare"));
  for (const auto& [name, method] : kMethods) {
    object.Set(name, Napi::Function::New(
                         env,
                         [session, call = method](const Napi::CallbackInfo& info) -> Napi::Value {
                           const auto store = session->records();
                           return store ? call(info, *store) : info.Env().Undefined();
                         },
                         name));
  }
}

}  // namespace unionfs::binding

// convert.cc - see convert.h.
#include "binding/convert.h"

namespace unionfs::binding {
namespace {

// Reads typed fields of an options object; the first wrong one is remembered and thrown at the end.
class Fields {
 public:
  Fields(Napi::Env env, Napi::Object object) : env_(env), object_(object) {}

  std::string text(const char* name) {
    const Napi::Value value = object_.Get(name);
    if (value.IsString()) return value.As<Napi::String>().Utf8Value();
    wrong(name, "a string");
    return {};
  }

  std::string optionalText(const char* name) { return object_.Get(name).IsUndefined() ? std::string() : text(name); }

  bool flag(const char* name) {
    const Napi::Value value = object_.Get(name);
    if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
    wrong(name, "a boolean");
    return false;
  }

  uint32_t number(const char* name) {
    const Napi::Value value = object_.Get(name);
    if (value.IsNumber()) return value.As<Napi::Number>().Uint32Value();
    wrong(name, "a number");
    return 0;
  }

  double real(const char* name) {
    const Napi::Value value = object_.Get(name);
    if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
    wrong(name, "a number");
    return 0;
  }

  std::vector<bool> flags(const char* name) {
    std::vector<bool> result;
    const Napi::Value value = object_.Get(name);
    if (!value.IsArray()) {
      wrong(name, "an array of booleans");
      return result;
    }
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) result.push_back(array.Get(i).ToBoolean().Value());
    return result;
  }

  // ONDISK, PRESENTED, COUNT of the first range, of the second, ...
  std::vector<IdRange> ranges(const char* name) {
    std::vector<IdRange> result;
    const Napi::Value value = object_.Get(name);
    if (!value.IsArray() || value.As<Napi::Array>().Length() % 3 != 0) {
      wrong(name, "triples of numbers");
      return result;
    }
    const auto array = value.As<Napi::Array>();
    const auto at = [&](uint32_t i) { return array.Get(i).ToNumber().Uint32Value(); };
    for (uint32_t i = 0; i < array.Length(); i += 3) result.push_back({at(i), at(i + 1), at(i + 2)});
    return result;
  }

  IdMap ids(const char* mapping, const char* squash, const char* overflow) {
    std::optional<uint32_t> owner;
    if (!object_.Get(squash).IsUndefined()) owner = number(squash);
    return {ranges(mapping), owner, number(overflow)};
  }

  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> result;
    const Napi::Value value = object_.Get(name);
    if (!value.IsArray()) {
      wrong(name, "an array of strings");
      return result;
    }
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) {
      const Napi::Value item = array.Get(i);
      if (!item.IsString()) {
        wrong(name, "an array of strings");
        return result;
      }
      result.push_back(item.As<Napi::String>().Utf8Value());
    }
    return result;
  }

  IoMode io(const char* name) {
    const std::string word = text(name);
    if (word == "auto") return IoMode::automatic;
    if (word == "cached") return IoMode::cached;
    if (word == "passthrough") return IoMode::passthrough;
    wrong(name, "auto, cached or passthrough");
    return IoMode::automatic;
  }

  OverrideKind overrides(const char* name) {
    const std::string word = text(name);
    if (word == "none") return OverrideKind::none;
    if (word == "privileged") return OverrideKind::privileged;
    if (word == "containers") return OverrideKind::containers;
    wrong(name, "none, privileged or containers");
    return OverrideKind::none;
  }

  // False with a TypeError pending when a field was wrong.
  [[nodiscard]] bool done() {
    if (problem_.empty()) return true;
    Napi::TypeError::New(env_, problem_).ThrowAsJavaScriptException();
    return false;
  }

 private:
  void wrong(const char* name, const char* wanted) {
    if (problem_.empty()) problem_ = std::string("mount option ") + name + " must be " + wanted;
  }

  Napi::Env env_;
  Napi::Object object_;
  std::string problem_;
};

Napi::Number number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

}  // namespace

Napi::Error toError(Napi::Env env, const Failure& failure) {
  std::string message = describe(failure.error);
  if (!failure.syscall.empty()) message += ", " + failure.syscall;
  if (!failure.path.empty()) message += " '" + failure.path + "'";
  if (!failure.detail.empty()) message += ": " + failure.detail;
  const Napi::Error error = Napi::Error::New(env, message);
  Napi::Object object = error.Value();
  object.Set("code", errnoName(failure.error));
  object.Set("errno", Napi::Number::New(env, failure.error.value()));
  object.Set("syscall", failure.syscall);
  object.Set("path", failure.path);
  object.Set("detail", failure.detail);
  return error;
}

std::optional<MountRequest> toMountRequest(Napi::Env env, const Napi::Value& value) {
  if (!value.IsObject()) {
    Napi::TypeError::New(env, "mount options must be an object").ThrowAsJavaScriptException();
    return std::nullopt;
  }
  Fields fields(env, value.As<Napi::Object>());
  MountRequest request;
  request.stack.lowers = fields.texts("lowers");
  request.stack.ownersMapped = fields.flags("ownersMapped");
  request.stack.upper = fields.optionalText("upper");
  request.stack.workdir = fields.optionalText("workdir");
  request.mount.mountpoint = fields.text("mountpoint");
  request.stack.mountpoint = request.mount.mountpoint;
  request.mount.source = fields.text("source");
  request.mount.subtype = fields.text("subtype");
  request.mount.io = fields.io("io");
  request.mount.readOnly = request.stack.upper.empty();
  request.mount.allowOther = fields.flag("allowOther");
  request.mount.allowDev = fields.flag("dev");
  request.mount.allowSuid = fields.flag("suid");
  request.mount.allowExec = fields.flag("exec");
  request.mount.maxThreads = fields.number("maxThreads");
  request.mount.writeback = fields.flag("writeback");
  request.mount.acl = fields.flag("acl");
  request.mount.xattrs = fields.flag("xattrs");
  request.mount.silentXattrs = fields.flag("silentXattrs");
  request.mount.timeout = fields.real("timeout");
  request.overlay.isVolatile = fields.flag("volatile");
  request.overlay.marksVolatile = fields.flag("marksVolatile");
  request.overlay.owners = {.users = fields.ids("uidRanges", "squashUid", "overflowUid"),
                            .groups = fields.ids("gidRanges", "squashGid", "overflowGid")};
  request.overlay.staticNlink = fields.flag("staticNlink");
  request.overlay.shortInos = fields.flag("shortInos");
  request.stack.overrides = fields.overrides("override");
  request.stack.whiteoutFiles = fields.flag("whiteoutFiles");
  request.overlay.fdBudget = fields.number("fdBudget");
  // Without passthrough no inode ever has a backing, so the remapping of such inodes costs nothing where it is not needed.
  request.recordBytes = fields.number("recordBytes");
  request.logLevel = static_cast<int>(fields.number("logLevel"));
  if (!fields.done()) return std::nullopt;
  return request;
}

Napi::Object toJs(Napi::Env env, const SessionInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("io", info.io == IoMode::passthrough ? "passthrough" : "cached");
  object.Set("ioReason", info.ioReason);
  object.Set("protocolMinor", number(env, info.protocolMinor));
  object.Set("connection", number(env, info.connection));
  object.Set("viaFusermount", info.viaFusermount);
  return object;
}

Napi::Object toJs(Napi::Env env, const OverlayStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("inodes", number(env, stats.inodes));
  object.Set("lookups", number(env, stats.lookups));
  object.Set("dirFds", number(env, stats.dirFds));
  object.Set("fileFds", number(env, stats.fileFds));
  object.Set("pinnedFds", number(env, stats.pinnedFds));
  object.Set("listings", number(env, stats.listings));
  object.Set("listingBytes", number(env, stats.listingBytes));
  object.Set("copyUps", number(env, stats.copyUps));
  object.Set("copyUpBytes", number(env, stats.copyUpBytes));
  object.Set("upperBroken", stats.upperBroken);
  return object;
}

Napi::Object toJs(Napi::Env env, const std::map<std::string, OperationStats>& operations) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [name, stats] : operations) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("count", number(env, stats.count));
    row.Set("errors", number(env, stats.errors));
    row.Set("p50", stats.p50);
    row.Set("p90", stats.p90);
    row.Set("p99", stats.p99);
    row.Set("max", stats.max);
    row.Set("total", stats.total);
    object.Set(name, row);
  }
  return object;
}

}  // namespace unionfs::binding

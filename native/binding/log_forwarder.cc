// log_forwarder.cc - see log_forwarder.h.
#include "binding/log_forwarder.h"

#include <algorithm>
#include <utility>

namespace unionfs::binding {
namespace {

// The process-wide side: every live forwarder. Never destroyed, because threads may log while statics go away.
class Hub {
 public:
  static Hub& instance() {
    static Hub* hub = new Hub;
    return *hub;
  }

  void add(const std::shared_ptr<LogForwarder>& forwarder) {
    const std::lock_guard lock(mu_);
    forwarders_.push_back(forwarder);
  }

  void remove(const LogForwarder* forwarder) {
    const std::lock_guard lock(mu_);
    std::erase_if(forwarders_, [&](const auto& each) { return each.get() == forwarder; });
  }

 private:
  Hub() {
    log::setSink([this](const log::Record& record) {
      const std::lock_guard lock(mu_);
      for (const auto& forwarder : forwarders_) forwarder->push(record);
    });
  }

  std::mutex mu_;
  std::vector<std::shared_ptr<LogForwarder>> forwarders_;  // guarded by mu_
};

}  // namespace

std::shared_ptr<LogForwarder> LogForwarder::start(Napi::Env env, Napi::Function function) {
  auto forwarder = std::make_shared<LogForwarder>();
  forwarder->channel_ = JsChannel::create(env, "unionfs log", false);
  if (!forwarder->channel_) return nullptr;
  forwarder->function_ = new Napi::FunctionReference(Napi::Persistent(function));
  Hub::instance().add(forwarder);
  return forwarder;
}

void LogForwarder::stop(Napi::Env env) {
  Hub::instance().remove(this);
  deliver(env);
  delete std::exchange(function_, nullptr);
  channel_->close();
}

void LogForwarder::push(const log::Record& record) {
  const std::lock_guard lock(mu_);
  if (queue_.size() >= kMaxQueued) {
    ++dropped_;
    return;
  }
  queue_.push_back(record);
  if (pending_) return;
  pending_ = channel_->post([self = shared_from_this()](Napi::Env env) { self->deliver(env); });
}

void LogForwarder::deliver(Napi::Env env) {
  std::vector<log::Record> records;
  {
    const std::lock_guard lock(mu_);
    records.swap(queue_);
    if (dropped_ > 0) {
      records.push_back({log::Level::warn, "log records dropped", "\"count\":" + std::to_string(dropped_)});
      dropped_ = 0;
    }
    pending_ = false;
  }
  if (records.empty() || function_ == nullptr) return;
  const Napi::HandleScope scope(env);
  Napi::Array array = Napi::Array::New(env, records.size());
  for (uint32_t i = 0; i < records.size(); ++i) {
    Napi::Object item = Napi::Object::New(env);
    item.Set("level", Napi::Number::New(env, static_cast<int>(records[i].level)));
    item.Set("message", records[i].message);
    item.Set("fields", records[i].fieldsJson);
    array.Set(i, item);
  }
  function_->Call({array});
}

}  // namespace unionfs::binding

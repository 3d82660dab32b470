#include "daemon/troubles.h"

#include <algorithm>

#include "daemon/json.h"
#include "daemon/time_now.h"

namespace unionfs::daemon {
namespace {

constexpr size_t kMost = 16;
// One kind of trouble that comes over and over leaves room for the others.
constexpr long kMostOfOneKind = 6;

}  // namespace

void Troubles::add(const log::Record& record) {
  if (record.level < log::Level::warn) return;
  Trouble trouble{timeNow(), record, 1};
  const std::lock_guard lock(mu_);
  const auto isSame = [&](const Trouble& each) {
    return each.record.level == record.level && each.record.message == record.message && each.record.fieldsJson == record.fieldsJson;
  };
  if (const auto before = std::find_if(troubles_.begin(), troubles_.end(), isSame); before != troubles_.end()) {
    trouble.times += before->times;
    troubles_.erase(before);
  }
  troubles_.push_back(std::move(trouble));
  const auto isOfItsKind = [&](const Trouble& each) { return each.record.message == record.message; };
  if (std::count_if(troubles_.begin(), troubles_.end(), isOfItsKind) > kMostOfOneKind) {
    troubles_.erase(std::find_if(troubles_.begin(), troubles_.end(), isOfItsKind));
  } else if (troubles_.size() > kMost) {
    troubles_.erase(troubles_.begin());
  }
}

std::string Troubles::json() const {
  const std::lock_guard lock(mu_);
  std::string out = "[";
  for (const Trouble& each : troubles_) {
    JsonObject object;
    object.text("at", each.at).text("level", each.record.level == log::Level::warn ? "warn" : "error");
    object.text("message", each.record.message).json("fields", "{" + each.record.fieldsJson + "}").number("times", each.times);
    out += (out.size() > 1 ? "," : "") + object.done();
  }
  return out + "]";
}

}  // namespace unionfs::daemon

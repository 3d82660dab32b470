// xattr_census.cc - see xattr_census.h.
#include "survey/xattr_census.h"

#include <algorithm>
#include <string>
#include <vector>

#include "sys/dir.h"
#include "sys/xattr.h"

namespace unionfs {
namespace {

bool anyVisible(const Overrides& overrides, const std::string& stored) {
  return std::ranges::any_of(sys::namesIn(stored), [&](std::string_view name) { return overrides.visibleXattrName(name).has_value(); });
}

class Census {
 public:
  explicit Census(const Layer& layer) : layer_(layer), waiting_{std::string()} {}

  Result<bool> run(const std::function<bool(size_t)>& goOn) {
    TRY(ask({layer_.root(), ""}));
    while (!waiting_.empty() && !found_) {
      if (!goOn(asked_)) return Errno(EINTR);
      const std::string path = std::move(waiting_.back());
      waiting_.pop_back();
      TRY(askAllIn(path));
    }
    return found_;
  }

 private:
  Status askAllIn(const std::string& path) {
    TRY_ASSIGN(const Fd dir, layer_.openDirectory(path));
    Status asked = success();
    TRY(sys::readDir(dir.get(), [&](const sys::RawEntry& entry) {
      if (!asked.ok() || found_) return;
      asked = ask({dir.get(), entry.name.data()});
      if (asked.ok()) asked = noteDirectory(path, dir, entry);
    }));
    return asked;
  }

  Status ask(At at) {
    ++asked_;
    TRY_ASSIGN(const std::string stored, sys::listXattr(at));
    found_ = found_ || anyVisible(layer_.overrides(), stored);
    return success();
  }

  Status noteDirectory(const std::string& path, const Fd& dir, const sys::RawEntry& entry) {
    TRY_ASSIGN(const bool isDir, sys::isDirectory(dir.get(), entry));
    if (isDir) waiting_.push_back(Layer::pathBelow(path, entry.name));
    return success();
  }

  const Layer& layer_;
  std::vector<std::string> waiting_;  // directories, below the root
  size_t asked_ = 0;
  bool found_ = false;
};

}  // namespace

Result<bool> showsXattrs(const Layer& layer, const std::function<bool(size_t)>& goOn) { return Census(layer).run(goOn); }

}  // namespace unionfs

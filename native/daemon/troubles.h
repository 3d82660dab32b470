// troubles.h - the last warnings and errors of a mount, for `status`: nobody else hears of them.
//
// As many are kept, and the same way, as src/log/recent.ts keeps of a mount that node serves.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"

namespace unionfs::daemon {

class Troubles {
 public:
  // From any thread.
  void add(const log::Record& record);
  // A JSON array, newest last.
  [[nodiscard]] std::string json() const;

 private:
  struct Trouble {
    std::string at;
    log::Record record;
    uint64_t times = 1;
  };

  mutable std::mutex mu_;
  std::vector<Trouble> troubles_;  // guarded by mu_
};

}  // namespace unionfs::daemon

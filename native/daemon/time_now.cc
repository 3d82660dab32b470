#include "daemon/time_now.h"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace unionfs::daemon {

std::string timeNow() {
  using namespace std::chrono;
  const auto sinceEpoch = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const time_t seconds = sinceEpoch / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32], all[40];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(all, sizeof(all), "%s.%03dZ", text, static_cast<int>(sinceEpoch % 1000));
  return all;
}

}  // namespace unionfs::daemon

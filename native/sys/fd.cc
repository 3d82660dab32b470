#include "sys/fd.h"

#include <unistd.h>

namespace unionfs {

void Fd::reset(int raw) {
  if (raw_ >= 0) ::close(raw_);
  raw_ = raw;
}

}  // namespace unionfs

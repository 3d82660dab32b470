#include "base/result.h"

#include <memory>
#include <string>

#include "testing/test.h"

namespace unionfs {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return Errno(EINVAL);
  return value / 2;
}

Result<int> quarter(int value) {
  TRY_ASSIGN(const int once, half(value));
  return half(once);
}

Status even(int value) {
  TRY(half(value));
  return success();
}

TEST("an error leaves through TRY with its errno") {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT(quarter(6).failsWith(EINVAL));
  EXPECT(even(2).ok());
  EXPECT(even(3).failsWith(EINVAL));
}

TEST("a value that can only be moved goes through") {
  const auto make = []() -> Result<std::unique_ptr<std::string>> { return std::make_unique<std::string>("text"); };
  const auto pass = [&]() -> Result<std::unique_ptr<std::string>> {
    TRY_ASSIGN(auto text, make());
    return text;
  };
  EXPECT_EQ(**pass(), "text");
}

TEST("only errors that say a layer lacks the name mean absent") {
  for (const int error : {ENOENT, ENAMETOOLONG, ENOTDIR}) EXPECT(meansAbsent(Errno(error)));
  for (const int error : {EIO, EACCES, EPERM, ELOOP, ESTALE, EINVAL, ENOMEM}) EXPECT(!meansAbsent(Errno(error)));
}

TEST("only errors of a missing feature mean unsupported") {
  for (const int error : {EOPNOTSUPP, ENOSYS, ENOTTY}) EXPECT(meansUnsupported(Errno(error)));
  for (const int error : {EPERM, EINVAL, EIO, ENOSPC}) EXPECT(!meansUnsupported(Errno(error)));
}

}  // namespace
}  // namespace unionfs

// result.h - a value or an errno, the only way a native function of ours fails.
//
// An Errno is positive and named; it is negated in two places only, where a system call returns and where a
// FUSE reply is written. Absence that is not a failure is `Result<std::optional<T>>`, never ENOENT by hand.
#pragma once

#include <cerrno>
#include <utility>
#include <variant>

namespace unionfs {

// A positive errno value. Comparable with the constants of <cerrno>.
class [[nodiscard]] Errno {
 public:
  constexpr explicit Errno(int value) : value_(value) {}
  [[nodiscard]] constexpr int value() const { return value_; }
  friend constexpr bool operator==(Errno a, Errno b) = default;
  friend constexpr bool operator==(Errno a, int b) { return a.value_ == b; }

  // The errno that the last failed libc call left in this thread.
  static Errno last() { return Errno(errno); }

 private:
  int value_;
};

// "This layer has no such name": the lookup goes on in the next layer.
// Linux: fs/overlayfs/namei.c:ovl_lookup_positive_unlocked() treats ENOENT and ENAMETOOLONG alike.
constexpr bool meansAbsent(Errno e) { return e == ENOENT || e == ENAMETOOLONG || e == ENOTDIR; }

// "This filesystem does not have the feature", as opposed to "the operation went wrong".
constexpr bool meansUnsupported(Errno e) { return e == EOPNOTSUPP || e == ENOSYS || e == ENOTTY; }

// Success without a value.
struct Ok {};

template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTBEGIN(google-explicit-constructor): a Result is built from either half by design.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Errno error) : state_(std::in_place_index<1>, error) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition: ok().
  [[nodiscard]] T& value() & { return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& value() const& { return *std::get_if<0>(&state_); }
  [[nodiscard]] T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !ok().
  [[nodiscard]] Errno error() const { return *std::get_if<1>(&state_); }
  [[nodiscard]] bool failsWith(int errnoValue) const { return !ok() && error() == errnoValue; }

 private:
  std::variant<T, Errno> state_;
};

using Status = Result<Ok>;
inline Status success() { return Ok{}; }

}  // namespace unionfs

#define UNIONFS_CONCAT_(a, b) a##b
#define UNIONFS_CONCAT(a, b) UNIONFS_CONCAT_(a, b)

// TRY(expr): returns the error of a Result from the enclosing function, else goes on.
#define TRY(expr)                       \
  do {                                  \
    auto&& try_result_ = (expr);        \
    if (!try_result_.ok()) [[unlikely]] \
      return try_result_.error();       \
  } while (false)

// TRY_ASSIGN(decl, expr): the same, and binds the value: TRY_ASSIGN(const Fd fd, openAt(...)).
#define TRY_ASSIGN(decl, expr) TRY_ASSIGN_(UNIONFS_CONCAT(try_value_, __LINE__), decl, expr)
#define TRY_ASSIGN_(tmp, decl, expr) \
  auto tmp = (expr);                 \
  if (!tmp.ok()) [[unlikely]]        \
    return tmp.error();              \
  decl = std::move(tmp).value()
